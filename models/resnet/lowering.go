package resnet

import (
	"github.com/gomlx/compute"

	"github.com/mocotpu/mocotpu/xla/mesh"
)

// A lowering says which parts of the encoder are written in another way for a backend, where the plain way is slow there.
// The numbers differ by rounding, and in the gradient of a ReLU whose argument is exactly 0: see relu.
type lowering struct {
	// windowsByMatmul: the backend's convolution and pooling are plain loops, several times slower than gathering the
	// elements of each window and a matrix product or a maximum of them: BenchmarkConvolve.
	windowsByMatmul bool
	// plainLoops: the backend is XLA's for CPUs, which makes plain loops of all but convolutions, products and long sums; see
	// meanOfPositions, once, relu and maxPoolSpread.
	plainLoops bool
	// kernelsOutputFirst: the backend's convolutions read kernels as [out, height, width, in], and transpose others before
	// each use. See KeepKernels.
	kernelsOutputFirst bool
	// fewLoops: every loop costs the backend a start, so what is done to many small arrays is done to one.
	fewLoops bool
	// scattersInAnyOrder: a scatter of the backend adds up in an order that differs from run to run, and the gradient of its
	// maximum over windows is one.
	scattersInAnyOrder bool
}

// goEngine is what GoMLX's pure Go engine calls itself. It says of its operations which there are, not how fast.
const goEngine = "Go Backend"

// loweringFor is the one place where the encoder's graph depends on the backend. A backend says what it is like by
// methods, see mesh.Says.
func loweringFor(b compute.Backend) lowering {
	return lowering{
		windowsByMatmul:    b.Name() == goEngine,
		plainLoops:         mesh.Says(b, func(e interface{ PlainLoops() bool }) bool { return e.PlainLoops() }),
		kernelsOutputFirst: mesh.Says(b, func(e interface{ KernelsOutputFirst() bool }) bool { return e.KernelsOutputFirst() }),
		fewLoops:           mesh.Says(b, func(e interface{ StartsLoops() bool }) bool { return e.StartsLoops() }),
		scattersInAnyOrder: mesh.Says(b, func(e interface{ ScattersInAnyOrder() bool }) bool { return e.ScattersInAnyOrder() }),
	}
}
