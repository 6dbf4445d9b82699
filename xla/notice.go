package xla

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

// notice passes on what a plugin says.
func notice(text string) {
	if f := notices.Load(); f != nil {
		(*f)(text)
		return
	}
	fmt.Fprintln(os.Stderr, text)
}
