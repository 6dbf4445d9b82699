package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// peaks are what a backend reaches at best in small programs of its own.
type peaks struct {
	flops float64 // floating-point operations a second
	bytes float64 // a second, read and written together
}

// peakTime is how long each program of a peak is run again and again; its fastest run counts.
const peakTime = time.Second

// peakProgram is a program that is bound by one thing.
type peakProgram struct {
	name   string
	shapes [2][]int
	flops  float64 // of a run, or
	bytes  float64
	graph  func(a, b *Node) *Node
}

// peakPrograms are products of matrices, a convolution of a kind that encoders have, and a sum of arrays that no cache
// holds. What the convolution computes leaves out the products with padding, as the counter of steps does.
func peakPrograms(dtype dtypes.DType) []peakProgram {
	const side, images, pixels, channels, long = 1024, 16, 32, 128, 16 << 20
	seen := 3*pixels - 2 // elements that three windows of an axis see, padding left out
	return []peakProgram{
		{"product of matrices", [2][]int{{side, side}, {side, side}}, 2 * side * side * side, 0, func(a, b *Node) *Node { return Dot(a, b).Product() }},
		{
			"convolution",
			[2][]int{{images, pixels, pixels, channels}, {3, 3, channels, channels}},
			2 * images * channels * channels * float64(seen*seen), 0,
			func(a, b *Node) *Node { return Convolve(a, b).PadSame().Done() },
		},
		{"sum of arrays", [2][]int{{long}, {long}}, 0, float64(3 * long * dtype.Size()), func(a, b *Node) *Node { return Add(a, b) }},
	}
}

// measurePeaks runs the programs in a precision, and adds a row for each.
func measurePeaks(ctx context.Context, b compute.Backend, r *Report, precision string, dtype dtypes.DType) (peaks, error) {
	var best peaks
	for _, p := range peakPrograms(dtype) {
		took, err := p.fastest(ctx, b, dtype)
		if err != nil {
			return best, fmt.Errorf("bench: peak of a %s: %w", p.name, err)
		}
		row := Row{Name: "Peak", Labels: []Label{label("what", p.name), label("precision", precision)}, Samples: []float64{float64(took)}, Iterations: 1}
		row.set(gigaflopsUnit, p.flops/float64(took))
		row.set(bandwidthUnit, p.bytes/float64(took))
		r.Rows = append(r.Rows, row)
		best.flops, best.bytes = max(best.flops, 1e9*p.flops/float64(took)), max(best.bytes, 1e9*p.bytes/float64(took))
	}
	return best, nil
}

// fastest is the shortest run of the program, after one that compiles it.
func (p peakProgram) fastest(ctx context.Context, b compute.Backend, dtype dtypes.DType) (best time.Duration, err error) {
	exec, err := NewExec(b, p.graph)
	if err != nil {
		return 0, err
	}
	defer exec.Finalize()
	args := make([]any, len(p.shapes))
	for i, dims := range p.shapes {
		t := tensors.FromShape(shapes.Make(dtype, dims...)) // zeros: no processor is faster for them
		defer t.FinalizeAll()
		args[i] = t
	}
	began := time.Now()
	for i := 0; i < 3 || time.Since(began) < peakTime; i++ {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		start := time.Now()
		out, err := exec.Call(args...)
		if err != nil {
			return 0, err
		}
		err = out[0].ConstBytes(func([]byte) {}) // it is there only then
		took := time.Since(start)
		for _, t := range out {
			t.FinalizeAll()
		}
		if err != nil {
			return 0, err
		}
		if i == 1 || i > 1 && took < best {
			best = took
		}
	}
	return best, nil
}
