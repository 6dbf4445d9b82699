package rendezvous

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// Processes that wait learn for whom, from the first of them; at last the run is over, by name.
func TestWatch(t *testing.T) {
	for late := range 3 {
		all := meet(t, 3)
		var mu sync.Mutex
		var heard []string
		waited := 2 * reportAfter
		each(all, func(i int, m *Meeting) {
			own := func() (int64, time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				if i == late {
					return 41, 0
				}
				return 42, waited
			}
			err := m.Watch(own, time.Hour, func(text string) {
				mu.Lock()
				defer mu.Unlock()
				heard = append(heard, text)
				waited = 2 * time.Hour
			})
			if err != nil {
				t.Error(err)
			}
		})
		for _, m := range all {
			wantLost(t, m, m.Name(late)+" did not come to the next step within 1h0m0s")
		}
		mu.Lock()
		if want := "waiting for " + all[0].Name(late) + " for 2m0s"; len(heard) != 1 || !strings.Contains(heard[0], want) {
			t.Errorf("heard %q, want once %q", heard, want)
		}
		mu.Unlock()
	}
}

// A process that does not come to where the others wait is named, by one of them, and ends the run at last; so does process 0, which
// does not share what it has.
func TestAwait(t *testing.T) {
	for late := range 2 {
		all := meet(t, 3)
		heard := make(chan string, 100)
		for _, m := range all {
			m.watching.Store(&watching{report: 10 * time.Millisecond, patience: 2 * time.Second, notice: func(text string) { heard <- text }})
		}
		each(all, func(i int, m *Meeting) {
			if i == late {
				return
			}
			err := m.Barrier(t.Context(), "saved")
			if late == 0 {
				_, err = m.Share(t.Context(), "verdict", nil)
			}
			if !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), all[0].Name(late)+" did not come to ") {
				t.Errorf("process %d: error %v, want ErrLost, because of process %d", i, err, late)
			}
		})
		want := "waiting for " + all[0].Name(late) + " for "
		select {
		case got := <-heard:
			if !strings.HasPrefix(got, want) {
				t.Errorf("heard %q, want %q", got, want)
			}
		default:
			t.Errorf("heard nothing, want %q", want)
		}
	}
}

// Nobody is accused where all are in the same program, and nothing is said of short waits.
func TestWatchAccusesNobody(t *testing.T) {
	all := meet(t, 2)
	for _, test := range []struct {
		waiting, report time.Duration
	}{{reportAfter / 2, reportAfter}, {2 * reportAfter, 4 * reportAfter}, {2 * time.Hour, reportAfter}} {
		own := func() (int64, time.Duration) { return 7, test.waiting }
		if test.waiting == 2*time.Hour {
			for _, m := range all {
				if err := m.Watch(own, 3*time.Hour, func(text string) { t.Errorf("heard %q", text) }); err != nil {
					t.Fatal(err)
				}
			}
			for range all[0].config.Count { // both answer by now
				if late, _, err := all[0].late(7); err != nil || len(late) > 0 {
					t.Errorf("late are %q, %v", late, err)
				}
			}
		}
		if next := all[0].look(own, test.report, 3*time.Hour, func(text string) { t.Errorf("heard %q", text) }); next < test.report {
			t.Errorf("after %v the next report is after %v, want no sooner than %v", test.waiting, next, test.report)
		}
	}
}
