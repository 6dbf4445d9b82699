package parity

import (
	"fmt"
	"math"
)

// Diff is how far two lists of numbers lie apart.
type Diff struct {
	// RelL2 is |got-want| / |want| in the L2 norm; 0 when both are all zeros, +Inf when only want is.
	RelL2 float64
	// MaxAbs is the largest |got-want|, and Worst the index of it (-1 for empty lists).
	MaxAbs float64
	Worst  int
}

func (d Diff) String() string {
	return fmt.Sprintf("relative L2 %.3g, max %.3g at %d", d.RelL2, d.MaxAbs, d.Worst)
}

// Number is what Compare takes.
type Number interface{ ~float32 | ~float64 }

// Compare measures got against want. A NaN on either side, an infinity that the other side lacks, and
// lists of different lengths give an infinite difference, so that no tolerance lets them pass; equal
// infinities differ by 0.
func Compare[A, B Number](got []A, want []B) Diff {
	if len(got) != len(want) {
		return Diff{RelL2: math.Inf(1), MaxAbs: math.Inf(1), Worst: min(len(got), len(want))}
	}
	d := Diff{Worst: -1}
	var sumDiff, sumWant float64
	for i := range got {
		g, w := float64(got[i]), float64(want[i])
		if g == w {
			if !math.IsInf(w, 0) {
				sumWant += w * w
			}
			if d.Worst < 0 {
				d.Worst = i
			}
			continue
		}
		delta := math.Abs(g - w)
		if math.IsNaN(delta) || math.IsInf(delta, 0) {
			return Diff{RelL2: math.Inf(1), MaxAbs: math.Inf(1), Worst: i}
		}
		if delta > d.MaxAbs || d.Worst < 0 {
			d.MaxAbs, d.Worst = delta, i
		}
		sumDiff += delta * delta
		sumWant += w * w
	}
	if sumDiff > 0 {
		d.RelL2 = math.Sqrt(sumDiff) / math.Sqrt(sumWant)
	}
	return d
}
