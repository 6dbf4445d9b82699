package encoder

import (
	"fmt"
	"math"
	"strings"

	"github.com/mocotpu/mocotpu/models/resnet"
)

// Suspect names the tensors with a value that no trained encoder has, a line each: NaN, an infinity, or a negative
// variance, with the first index in torchvision's layout. It is empty when all is well.
func (w *Weights) Suspect() []string {
	var found []string
	for _, p := range w.Manifest.Network.Config().Params() {
		isVariance := strings.HasSuffix(p.Name, runningVar)
		bad := func(v float32) bool {
			return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) || isVariance && v < 0
		}
		values, dims := resnet.ToTorch(w.Values[p.Name], p.Dims)
		first, count := 0, 0
		for i, v := range values {
			if bad(v) {
				if count == 0 {
					first = i
				}
				count++
			}
		}
		if count > 0 {
			found = append(found, fmt.Sprintf("tensor %q is %v at %v, and %d of its %d values are not those of a trained encoder",
				p.Name, values[first], place(first, dims), count, len(values)))
		}
	}
	return found
}

// place is the index of element i in an array of dims.
func place(i int, dims []int) []int {
	index := make([]int, len(dims))
	for axis := len(dims) - 1; axis >= 0; axis-- {
		index[axis], i = i%dims[axis], i/dims[axis]
	}
	return index
}
