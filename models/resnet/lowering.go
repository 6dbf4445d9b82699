package resnet

import "github.com/gomlx/compute"

// A lowering says which parts of the encoder are written in another way for a backend, where the plain way is slow there.
// The numbers differ by rounding only.
type lowering struct {
	// windowsByMatmul: the backend's convolution and pooling are plain loops, several times slower than gathering the
	// elements of each window and a matrix product or a maximum of them: BenchmarkConvolve.
	windowsByMatmul bool
	// meansInTwoSteps: the backend's sum over a long axis reads its operand from memory; see meanOfPositions.
	meansInTwoSteps bool
}

// goEngine is what GoMLX's pure Go engine calls itself. It says of its operations which there are, not how fast.
const goEngine = "Go Backend"

// loweringFor is the one place where the encoder's graph depends on the backend. A backend says that its sums are of that
// kind by a method; one that wraps another says so by Unwrap.
func loweringFor(b compute.Backend) lowering {
	l := lowering{windowsByMatmul: b.Name() == goEngine}
	for {
		if asked, ok := b.(interface{ LongSumsReadMemory() bool }); ok {
			l.meansInTwoSteps = asked.LongSumsReadMemory()
			return l
		}
		wrapper, ok := b.(interface{ Unwrap() compute.Backend })
		if !ok {
			return l
		}
		b = wrapper.Unwrap()
	}
}
