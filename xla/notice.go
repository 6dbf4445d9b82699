package xla

// #include "table.h"
import "C"

import (
	"fmt"
	"os"
	"sync/atomic"
)

var notices atomic.Pointer[func(text string)]

// OnNotice has f hear, in a sentence without a newline, when a program on several devices makes no progress: which
// devices wait, at which operation, and which have not arrived. The CPU engine says so after 20 seconds and fails the
// execution after the time that it names. f may be called on any goroutine and must not use an engine. Without f, or
// after nil, it is printed on standard error.
func OnNotice(f func(text string)) {
	if f == nil {
		notices.Store(nil)
		return
	}
	notices.Store(&f)
}

//export mocotpuNotice
func mocotpuNotice(text *C.char) {
	s := C.GoString(text)
	if f := notices.Load(); f != nil {
		(*f)(s)
		return
	}
	fmt.Fprintln(os.Stderr, s)
}
