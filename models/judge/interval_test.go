package judge

import (
	"math"
	"testing"
)

// TestInterval against published values of Wilson's score interval.
func TestInterval(t *testing.T) {
	tests := []struct {
		p         float64
		n         int
		low, high float64
	}{
		{0.5, 100, 0.403832, 0.596168},
		{0, 10, 0, 0.277533},
		{1, 10, 0.722467, 1},
	}
	for _, tt := range tests {
		low, high := Interval(tt.p, tt.n)
		if math.Abs(low-tt.low) > 1e-6 || math.Abs(high-tt.high) > 1e-6 {
			t.Errorf("Interval(%g, %d) = %.6f, %.6f, want %.6f, %.6f", tt.p, tt.n, low, high, tt.low, tt.high)
		}
	}
}

// TestIntervalDefinition: each bound x is a share from which p lies exactly 1.96
// standard deviations of x away.
func TestIntervalDefinition(t *testing.T) {
	for _, n := range []int{1, 7, 2000} {
		for _, p := range []float64{0.001, 0.1, 0.54, 0.99} {
			low, high := Interval(p, n)
			for _, x := range []float64{low, high} {
				got := math.Abs(p-x) / math.Sqrt(x*(1-x)/float64(n))
				if math.Abs(got-1.959964) > 1e-5 {
					t.Errorf("Interval(%g, %d): bound %g is %.6f deviations away", p, n, x, got)
				}
			}
			if !(low < p && p < high) {
				t.Errorf("Interval(%g, %d) = %g, %g: does not hold p", p, n, low, high)
			}
		}
	}
}
