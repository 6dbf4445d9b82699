//go:build cgo && (linux || darwin)

package picture

// #cgo linux LDFLAGS: -ldl
// #include "turbo.h"
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"
)

// loadTurbo finds the library; the answer is that of the first call.
var loadTurbo = sync.OnceValue(func() error {
	if problem := C.turbo_load(); problem != nil {
		return fmt.Errorf("picture: TurboJPEG: %s: install it (Debian: apt-get install libturbojpeg0) or decode with %s", C.GoString(problem), Go)
	}
	return nil
})

// turbo is a TurboJPEG decompressor.
type turbo struct{ handle unsafe.Pointer }

func newTurbo() (*turbo, error) {
	t := &turbo{C.turbo_new()}
	if t.handle == nil {
		return nil, errNoMemory
	}
	return t, nil
}

var errNoMemory = errors.New("picture: TurboJPEG: no memory for a decompressor")

func (t *turbo) close() {
	if t.handle != nil {
		C.turbo_free(t.handle)
	}
}

// renew makes a fresh decompressor. One that met a damaged header is left in the middle of it, and refuses the sound files
// that follow (libjpeg-turbo 2.1.5).
func (t *turbo) renew() error {
	t.close()
	if t.handle = C.turbo_new(); t.handle == nil {
		return errNoMemory
	}
	return nil
}

// header returns the size of a JPEG and whether it holds four inks rather than one or three colours.
func (t *turbo) header(file []byte) (width, height int, inks bool, err error) {
	var w, h, space C.int
	if t.handle == nil {
		return 0, 0, false, errNoMemory
	}
	if C.turbo_header(t.handle, first(file), C.ulong(len(file)), &w, &h, &space) != 0 {
		return 0, 0, false, t.problem()
	}
	return int(w), int(h), space == C.TURBO_CMYK || space == C.TURBO_YCCK, nil
}

// decode fills pix, uint8 [height, width, 3], or with inks [height, width, 4]. The warning, if any, is libjpeg's about what it decoded nevertheless.
func (t *turbo) decode(pix []uint8, file []byte, width, height int, inks bool) (warning string, err error) {
	format := C.int(C.TURBO_PIXELS_RGB)
	if inks {
		format = C.TURBO_PIXELS_CMYK
	}
	if C.turbo_decode(t.handle, first(file), C.ulong(len(file)), first(pix), C.int(width), C.int(height), format) == 0 {
		return "", nil
	}
	if C.turbo_warned(t.handle) != 0 {
		return C.GoString(C.turbo_problem(t.handle)), nil
	}
	return "", t.problem()
}

func (t *turbo) problem() error {
	return fmt.Errorf("picture: JPEG: %s", C.GoString(C.turbo_problem(t.handle)))
}

func first(b []byte) *C.uchar { return (*C.uchar)(unsafe.SliceData(b)) }
