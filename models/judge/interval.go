package judge

import "math"

// z95 is the 97.5 % quantile of the normal distribution.
const z95 = 1.959963984540054

// Interval returns Wilson's 95 % interval for a share p (0 to 1) that was
// observed on n > 0 independent trials: within 0 and 1, and of sensible width
// also where p is 0 or 1.
func Interval(p float64, n int) (low, high float64) {
	z2 := z95 * z95 / float64(n)
	center := (p + z2/2) / (1 + z2)
	half := z95 * math.Sqrt(p*(1-p)/float64(n)+z2/(4*float64(n))) / (1 + z2)
	return max(0, center-half), min(1, center+half)
}
