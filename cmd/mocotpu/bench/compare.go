package bench

import (
	"fmt"
	"math"
	"slices"
)

// fastest is the fastest row of a benchmark in a program, or in any peer where program is "", and a precision.
func (r *Report) fastest(name, program, precision string) (best Row, ok bool) {
	for _, row := range r.Rows {
		mine := row.label("program")
		if row.Name != name || row.label("precision") != precision || len(row.Samples) == 0 ||
			program != "" && mine != program || program == "" && mine == programOurs {
			continue
		}
		if !ok || row.rate() > best.rate() {
			best, ok = row, true
		}
	}
	return best, ok
}

// compare relates every row to the best peer of its kind, and says what follows: a line for each kind of measurement that
// is ours, and one on the losses of the steps in the configuration's precision.
func (r *Report) compare(precision string) {
	var losses [][]float64
	for i := range r.Rows {
		row := &r.Rows[i]
		if peer, ok := r.fastest(row.Name, "", row.label("precision")); ok {
			row.set(ratioUnit, row.rate()/peer.rate())
		}
		if row.Name == rowNames[whatStep] && row.label("precision") == precision && len(row.Losses) > 0 {
			losses = append(losses, row.Losses)
		}
	}
	var seen []string
	for _, row := range r.Rows {
		precision := row.label("precision")
		kind := row.Name + ", " + precision
		ours, ok := r.fastest(row.Name, programOurs, precision)
		if slices.Contains(seen, kind) || !ok {
			continue
		}
		seen = append(seen, kind)
		peer, ok := r.fastest(row.Name, "", precision)
		if !ok {
			r.Notes = append(r.Notes, kind+": no peer ran")
			continue
		}
		r.Notes = append(r.Notes, fmt.Sprintf("%s: mocotpu on %s device(s) does %.2fx the images per second of the best peer, %s %s",
			kind, ours.label("replicas"), ours.rate()/peer.rate(), peer.label("program"), peer.label("variant")))
	}
	if len(losses) > 1 {
		last := len(slices.MinFunc(losses, func(a, b []float64) int { return len(a) - len(b) }))
		r.Notes = append(r.Notes, fmt.Sprintf("losses of the %s steps: %.1e apart in the first, %.1e in step %d",
			precision, apart(losses, 0), apart(losses, last-1), last))
	}
}

// apart is the largest difference from the first program's loss of a step.
func apart(losses [][]float64, step int) (most float64) {
	for _, l := range losses[1:] {
		most = max(most, math.Abs(l[step]-losses[0][step]))
	}
	return most
}
