//go:build !cgo || !(linux || darwin)

package picture

import (
	"errors"
	"fmt"
)

func loadTurbo() error {
	return fmt.Errorf("picture: TurboJPEG: this program was built without cgo: decode with %s", Go)
}

// turbo never exists here.
type turbo struct{}

var errNoTurbo = errors.New("picture: TurboJPEG: not built in")

func newTurbo() (*turbo, error) { return nil, errNoTurbo }

func (*turbo) close() {}

func (*turbo) renew() error { return errNoTurbo }

func (*turbo) header([]byte) (width, height int, inks bool, err error) {
	return 0, 0, false, errNoTurbo
}

func (*turbo) decode([]uint8, []byte, int, int, bool) (string, error) { return "", errNoTurbo }
