package rendezvous

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// reportAfter is how long processes wait for another one before it is named.
	reportAfter = time.Minute
	// askEvery is how often a process checks whether it waits, and answerTime how long it gives the others to say how far
	// they are.
	askEvery, answerTime = time.Second, 5 * time.Second
	statusSubject        = "status"
)

// Progress says how many programs over all processes this one has begun, and how long it has been in the last one; 0 where it
// is in none.
type Progress func() (begun int64, waiting time.Duration)

// status is a process's answer.
type status struct {
	Index int   `json:"index"`
	Begun int64 `json:"begun"`
}

// watching is how long others are waited for, and who is told.
type watching struct {
	report, patience time.Duration
	notice           func(text string)
}

// Watch looks for processes that are alive but do not reach a program in which others wait for them, or a call such as
// [Meeting.Barrier]. After a minute it names them by notice, and again each time the wait has doubled. After patience it ends the
// run. Every process calls it once.
func (m *Meeting) Watch(own Progress, patience time.Duration, notice func(text string)) error {
	m.watching.Store(&watching{reportAfter, patience, notice})
	_, err := m.conn.Subscribe(statusSubject, func(q *nats.Msg) {
		begun, _ := own()
		text, err := json.Marshal(status{m.config.Index, begun})
		if err == nil {
			_ = q.Respond(text) // who asked will ask again
		}
	})
	if err == nil {
		err = m.conn.Flush()
	}
	if err != nil {
		return m.explain(err)
	}
	m.tasks.Go(func() {
		report := reportAfter
		ticker := time.NewTicker(askEvery)
		defer ticker.Stop()
		for {
			select {
			case <-m.over.Done():
				return
			case <-ticker.C:
			}
			report = m.look(own, report, patience, notice)
		}
	})
	return nil
}

// await is get for what a process puts when it comes to what, as users are told. It names the process where that takes long; one of
// those that wait tells it.
func (m *Meeting) await(ctx context.Context, of int, key, what string) ([]byte, error) {
	w := m.watching.Load()
	if w == nil { // they have just come together
		return m.get(ctx, key)
	}
	begun, tells := time.Now(), m.config.Index == 0 || of == 0 && m.config.Index == 1
	for report := w.report; ; report *= 2 {
		limited, cancel := context.WithDeadline(ctx, begun.Add(min(report, w.patience)))
		value, err := m.get(limited, key)
		late := limited.Err() != nil
		cancel()
		if err == nil || ctx.Err() != nil || !late {
			return value, err
		}
		if report >= w.patience {
			m.abort(fmt.Sprintf("%s did not come to %q, where others wait, within %s", m.Name(of), what, w.patience))
			return m.get(ctx, key) // it is over
		}
		if tells {
			w.notice(waitingFor(m.Name(of), time.Since(begun), w.patience))
		}
	}
}

// waitingFor is what a user is told.
func waitingFor(names string, waiting, patience time.Duration) string {
	return fmt.Sprintf("waiting for %s for %s: it is given up after %s", names, waiting.Round(time.Second), patience)
}

// look looks once, and returns after how long a wait is reported next.
func (m *Meeting) look(own Progress, report, patience time.Duration, notice func(text string)) time.Duration {
	begun, waiting := own()
	if waiting < min(report, patience) {
		if waiting < reportAfter {
			report = reportAfter
		}
		return report
	}
	late, first, err := m.late(begun)
	if err != nil || len(late) == 0 { // all of them compute
		return report
	}
	names := strings.Join(late, ", ")
	if waiting >= patience {
		m.abort(fmt.Sprintf("%s did not come to the next step within %s", names, patience))
	} else if m.config.Index == first {
		notice(waitingFor(names, waiting, patience))
	}
	return 2 * report
}

// late asks the processes how far they are, and names those that are behind, and the first that is not.
func (m *Meeting) late(begun int64) (names []string, first int, err error) {
	inbox := m.conn.NewInbox()
	answers, err := m.conn.SubscribeSync(inbox)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = answers.Unsubscribe() }()
	if err := m.conn.PublishRequest(statusSubject, inbox, nil); err != nil {
		return nil, 0, err
	}
	there := make([]bool, m.config.Count)
	deadline := time.Now().Add(answerTime)
	for range m.config.Count {
		answer, err := answers.NextMsg(time.Until(deadline))
		if err != nil {
			break // those that have not answered are behind
		}
		var s status
		if err := json.Unmarshal(answer.Data, &s); err != nil || s.Index < 0 || s.Index >= len(there) {
			return nil, 0, fmt.Errorf("rendezvous: %q, want a process's progress", answer.Data)
		}
		there[s.Index] = s.Begun >= begun
	}
	first = -1
	for i, is := range there {
		switch {
		case !is:
			names = append(names, m.Name(i))
		case first < 0:
			first = i
		}
	}
	return names, first, nil
}
