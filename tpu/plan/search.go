package plan

// mostBatch bounds the search for the largest batch.
const mostBatch = 1 << 22

// largestBatch finds the largest batch that fits: a multiple of granule, to within the larger of granule and a 16th of
// it. It starts at a batch, which is one of the multiples, guesses from what a program that fits needs, and then halves
// the gap, so that it takes a handful of compilations. try makes the plan for a batch.
//
// It returns the plan of the largest batch that was found to fit (nil if none does) and the smallest that was found not
// to (0 if it met none below 2^22).
func largestBatch(start, granule int, try func(batch int) (*Plan, error)) (fits *Plan, tooBig int, err error) {
	at := 0 // the batch of fits
	for batch := start; batch > at && batch <= mostBatch; {
		p, err := try(batch)
		if err != nil {
			return fits, tooBig, err
		}
		if p.Fits {
			fits, at = p, batch
		} else {
			tooBig = batch
		}
		gap := roundDown(max(granule, at/16), granule)
		switch {
		case tooBig == 0:
			batch = max(at+gap, min(4*at, roundDown(guess(p), granule)))
		case tooBig-at <= gap:
			return fits, tooBig, nil
		default:
			batch = at + max(granule, roundDown((tooBig-at)/2, granule))
		}
	}
	return fits, tooBig, nil
}

// guess is the batch at which a program that fits would fill the device, were all but its arguments proportional.
func guess(p *Plan) int {
	fixed := p.Memory.Arguments + p.Memory.Outputs - p.Memory.Aliased
	growing := p.Memory.Peak - fixed
	if growing <= 0 || p.Target.Usable == 0 {
		return 0
	}
	return int(float64(p.Program.Batch) * float64(p.Target.Usable-fixed) / float64(growing))
}

func roundDown(n, granule int) int { return n / granule * granule }

// cheapest returns the plan that fits and whose ideal step is the shortest, nil if none fits. Where the target's peaks
// are not known the fewest operations win.
func cheapest(plans []*Plan) *Plan {
	var best *Plan
	for _, p := range plans {
		if p.Fits && (best == nil || cost(p) < cost(best)) {
			best = p
		}
	}
	return best
}

func cost(p *Plan) float64 {
	if p.Time.Step > 0 {
		return p.Time.Step
	}
	return p.Time.Flops
}
