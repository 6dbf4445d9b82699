package rendezvous

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

// ErrLost says that the run is over because one of its processes is gone or has failed.
var ErrLost = errors.New("the run is over")

const (
	abortKey = "abort" // the first cause
	askedKey = "stop/asked"
	stopKey  = "stop"
)

// Abort ends the run for all processes, unless it is over already: it returns when the others can know. reason is a
// sentence of this process, whose name is put in front.
func (m *Meeting) Abort(reason string) {
	m.abort(fmt.Sprintf("%s: %s", m.Name(m.config.Index), reason))
}

func (m *Meeting) abort(cause string) {
	ctx, cancel := context.WithTimeout(m.over, callTime)
	defer cancel()
	_, _ = m.kv.Create(ctx, encoded(abortKey), []byte(cause)) // the first cause is kept; on an error the server notices the loss
}

// Lost is closed when the run is over because a process is gone or has failed, this one included. It is not when the
// processes leave.
func (m *Meeting) Lost() <-chan struct{} { return m.lost }

// Why is why the run is over, an [ErrLost] that names the process; nil while it is not.
func (m *Meeting) Why() error {
	if m.over.Err() == nil {
		return nil
	}
	return m.why
}

func (m *Meeting) lose(why error) {
	if m.leaving.Load() {
		return
	}
	m.once.Do(func() {
		m.why = why
		m.end()
		close(m.lost)
	})
}

// listen waits for causes, and for who wants the run to stop.
func (m *Meeting) listen() error {
	if err := m.onKey(abortKey, func(cause []byte) { m.lose(fmt.Errorf("%w: %s", ErrLost, cause)) }); err != nil {
		return err
	}
	if m.config.Index > 0 {
		return nil
	}
	return m.onKey(askedKey, func(text []byte) {
		var s Stop
		if json.Unmarshal(text, &s) == nil {
			m.asked.CompareAndSwap(nil, &s)
		}
	})
}

// onKey calls f in a goroutine when a key has been put.
func (m *Meeting) onKey(key string, f func(value []byte)) error {
	watcher, err := m.kv.Watch(m.over, encoded(key))
	if err != nil {
		return m.explain(err)
	}
	m.tasks.Go(func() {
		defer func() { _ = watcher.Stop() }()
		for {
			select {
			case entry := <-watcher.Updates():
				if entry != nil {
					f(entry.Value())
					return
				}
			case <-m.over.Done():
				return
			}
		}
	})
	return nil
}

// Stop is an end of the run that was asked for and that all processes come to after the same step.
type Stop struct {
	// After is the number of steps after which all stop.
	After int `json:"after"`
	// By is the process that asked for it, and Cause why: the name of a signal.
	By    int    `json:"by"`
	Cause string `json:"cause"`
}

// AskToStop has all processes stop after the same step, soon: see [Meeting.Stop]. The first one to ask is heard.
func (m *Meeting) AskToStop(cause string) error {
	text, err := json.Marshal(Stop{By: m.config.Index, Cause: cause})
	if err != nil {
		return err
	}
	return m.Put(askedKey, text)
}

// Stopped is how the run was stopped, nil where it was not.
func (m *Meeting) Stopped() *Stop { return m.stopped.Load() }

// Stop tells whether the run ends after the steps done. Every process calls it before every step.
//
// Process 0 decides before it begins its next step. No process can finish that step without process 0, so all of them see the
// decision when they ask again after it.
func (m *Meeting) Stop(done int) (bool, error) {
	stop := m.stopping.Load()
	switch {
	case stop != nil:
	case m.config.Index > 0:
		text, err := m.Get(stopKey, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		stop = &Stop{}
		if err == nil {
			err = json.Unmarshal(text, stop)
		}
		if err != nil {
			return false, err
		}
	default:
		asked := m.asked.Load()
		if asked == nil {
			return false, nil
		}
		decided := *asked
		decided.After = done + 1
		text, err := json.Marshal(decided)
		if err == nil {
			err = m.Put(stopKey, text)
		}
		if err != nil {
			return false, err
		}
		stop = &decided
	}
	m.stopping.Store(stop)
	if done < stop.After {
		return false, nil
	}
	m.stopped.Store(stop)
	return true, nil
}
