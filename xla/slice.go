//go:build cgo

package xla

import (
	"cmp"
	"fmt"
	"time"

	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
)

// sliceNotice is how long a TPU may take to open until the user is told what that may wait for.
var sliceNotice = 10 * time.Second

// ofSlice makes libtpu's client, which on a slice of several hosts waits in libtpu until every host makes its own, for good
// where one does not. It says so after a while, and gives up after the time for another process. libtpu waits on then: the
// process is to end, and no other engine opens in it.
func ofSlice(p *Processes, t *table, options pjrt.NamedValuesMap) (*xla.Backend, error) {
	hosts, limit := "the other hosts of the slice, where it has several", defaultTimeout
	if p != nil {
		hosts, limit = fmt.Sprintf("the other %d host(s) of the slice", p.Count-1), cmp.Or(p.Timeout, defaultTimeout)
	}
	type made struct {
		b   *xla.Backend
		err error
	}
	done := make(chan made, 1)
	go func() {
		b, err := t.newClient("tpu", options)
		done <- made{b, err}
	}()
	told, over := time.After(sliceNotice), time.After(limit)
	for {
		select {
		case m := <-done:
			return m.b, m.err
		case <-told:
			notice(fmt.Sprintf("the TPU has not opened for %s: libtpu waits for %s, which must run the same command; it is given up after %s", sliceNotice, hosts, limit))
		case <-over:
			return nil, &Error{Op: openTPU, Code: DeadlineExceeded, Msg: fmt.Sprintf("libtpu has waited %s for %s", limit, hosts)}
		}
	}
}
