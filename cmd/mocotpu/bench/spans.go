package bench

import (
	"slices"
	"time"

	"github.com/mocotpu/mocotpu/xla"
)

// The parts of a step's time that no class of operations takes.
const (
	nothing = "no operation runs"
	outside = "outside the program" // inputs brought to the device, and the loss back
)

// timesOf divides the time of a program's runs among classes of operations. Where several operations run side by side, each
// gets an equal share of that time; where none runs, it counts as nothing. Operations without a class are left out: a loop has
// none, the operations in it have. The first run warms up and does not count. The times are means over the other runs, and add
// up to what a run takes. The result is nil without a second run.
func timesOf(spans []xla.Span, module string, class map[string]string) map[string]time.Duration {
	runs := map[string][]xla.Span{}
	var order []string
	for _, s := range spans {
		if s.Module != module {
			continue
		}
		if runs[s.Run] == nil {
			order = append(order, s.Run)
		}
		runs[s.Run] = append(runs[s.Run], s)
	}
	if len(order) < 2 {
		return nil
	}
	times := map[string]time.Duration{}
	for _, name := range order[1:] {
		divide(times, runs[name], class)
	}
	for of := range times {
		times[of] /= time.Duration(len(order) - 1)
	}
	return times
}

// divide adds one run's time to the classes.
func divide(times map[string]time.Duration, run []xla.Span, class map[string]string) {
	type mark struct {
		at time.Duration
		of string
		by int // how many more of it run
	}
	var marks []mark
	for _, s := range run {
		of, known := class[s.Op]
		by := 1
		if !known {
			of, by = nothing, 0 // it tells how long the run is
		}
		marks = append(marks, mark{s.Start, of, by}, mark{s.End, of, -by})
	}
	slices.SortFunc(marks, func(a, b mark) int { return int(a.at - b.at) })
	running := map[string]int{}
	for i, m := range marks {
		if i > 0 {
			share(times, m.at-marks[i-1].at, running)
		}
		running[m.of] += m.by
	}
}

// share divides a time among what runs during it.
func share(times map[string]time.Duration, took time.Duration, running map[string]int) {
	all := 0
	for _, n := range running {
		all += n
	}
	if all == 0 {
		times[nothing] += took
		return
	}
	for of, n := range running {
		times[of] += took * time.Duration(n) / time.Duration(all)
	}
}
