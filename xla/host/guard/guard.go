// Package guard stands between a process and what ends it: panics and signals.
//
// A panic that nobody recovers ends the process with the stacks of all goroutines, which are no message to a user. [Group]
// brings those of goroutines to whoever waits for them, [Call] makes errors of them, [Explain] one sentence and a file.
// [Signals] ends a context, and lets a run write its checkpoint.
//
// # Errors
//
// [Call] returns a panic as an error, a *[Panic]; [Group] passes it on as a panic of its waiter's.
package guard

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Panic is a panic and the stack of where it happened.
type Panic struct {
	Value any
	Stack []byte
}

// recovered makes a Panic of what recover returned, in the deferred function that called it. One that came from another
// goroutine stays as it is.
func recovered(value any) *Panic {
	if p, ok := value.(*Panic); ok {
		return p
	}
	return &Panic{value, debug.Stack()}
}

func (p *Panic) Error() string { return fmt.Sprintf("a fault in the program: %v", p.Value) }

// Call calls f, and returns its panic as an error.
func Call(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = recovered(value)
		}
	}()
	return f()
}

// Group is a sync.WaitGroup whose Wait panics with the first panic of its goroutines, once all have ended. The zero value
// is ready.
type Group struct {
	wait  sync.WaitGroup
	first atomic.Pointer[Panic]
}

// Go calls f in a goroutine.
func (g *Group) Go(f func()) {
	g.wait.Go(func() {
		defer func() {
			if value := recover(); value != nil {
				g.first.CompareAndSwap(nil, recovered(value))
			}
		}()
		f()
	})
}

// Wait returns when all goroutines have ended.
func (g *Group) Wait() {
	g.wait.Wait()
	if p := g.first.Load(); p != nil {
		panic(p)
	}
}
