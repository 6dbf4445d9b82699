package xla

import (
	"fmt"
	"sync"
	"time"
)

// closePatience is how long Close waits for calls under way.
const closePatience = 5 * time.Second

// use counts the calls that use an engine's backend.
type use struct {
	mu     sync.Mutex
	calls  int
	closed bool
	idle   chan struct{} // closed with the last call; made by Close
}

// enter must succeed before the backend is used; leave ends the use.
func (e *Engine) enter() error {
	e.use.mu.Lock()
	defer e.use.mu.Unlock()
	if e.use.closed {
		return fmt.Errorf("%w: %s", ErrClosed, e.name)
	}
	e.use.calls++
	return nil
}

func (e *Engine) leave() {
	e.use.mu.Lock()
	defer e.use.mu.Unlock()
	if e.use.calls--; e.use.calls == 0 && e.use.closed {
		close(e.use.idle)
	}
}

// Close frees the engine's buffers, programs and client, after running computations are done. It waits for them for 5
// seconds; what still runs then frees the engine when it ends, which a stuck program may never do. Tensors that were
// inputs or outputs can't be read any more: take what is needed before (tensors.Tensor.ToLocal), and do not keep slices
// of their memory. Further use returns ErrClosed; a second Close does nothing.
func (e *Engine) Close() {
	e.use.mu.Lock()
	if e.use.closed {
		e.use.mu.Unlock()
		return
	}
	e.use.closed = true
	e.use.idle = make(chan struct{})
	if e.use.calls == 0 {
		close(e.use.idle)
	}
	e.use.mu.Unlock()
	select {
	case <-e.use.idle:
		e.freeAll()
	case <-time.After(closePatience):
		go func() {
			<-e.use.idle
			e.freeAll()
		}()
	}
}

// freeAll frees everything, once nothing uses the engine; nothing where devices still run a program that has failed: the
// engine then stays in engines, and with it the memory that they may read.
func (e *Engine) freeAll() {
	if e.stragglers() > 0 {
		return
	}
	e.Release()
	e.mu.Lock()
	owned := e.owned
	e.owned = nil
	e.mu.Unlock()
	// PJRT wants everything made by a client gone before the client; the finalizers of go-xla keep no order.
	for _, free := range owned {
		_ = free() // a buffer that can't be freed must not keep the rest
	}
	clients.Delete(e.client)
	e.Backend.Finalize()
	engines.Delete(e)
}

// Finalize is Close, for GoMLX.
func (e *Engine) Finalize() { e.Close() }

// IsFinalized says whether the engine is closed.
func (e *Engine) IsFinalized() bool {
	if e == nil {
		return true
	}
	e.use.mu.Lock()
	defer e.use.mu.Unlock()
	return e.use.closed
}
