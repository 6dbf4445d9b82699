package resnet

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	. "github.com/gomlx/gomlx/support/exceptions"
)

// Output is what an encoder makes of a batch.
type Output struct {
	// Features are the pooled features of the trunk, [batch, Config.Features] float32.
	Features *Node
	// Projection is the head's output, [batch, Config.Dim] float32, each row of unit length; nil with HeadNone.
	Projection *Node
}

// Forward builds the encoder over images [batch, height, width, c.ImageChannels()] float32. The variables must exist (Init).
// With norm.Train it also sets the new running statistics of its BatchNorm variables.
func Forward(scope *model.Scope, c Config, norm Norm, images *Node) Output {
	images.AssertDims(images.Shape().Dimensions[0], -1, -1, c.ImageChannels())
	norm.check(images.Shape().Dimensions[0])
	return newEncoder(scope, c, norm, images).forward(images)
}

func newEncoder(scope *model.Scope, c Config, norm Norm, images *Node) *encoder {
	g := images.Graph()
	e := &encoder{scope: scope, config: c, norm: norm, g: g, lowering: loweringFor(g.Backend())}
	_, e.outputFirst = scope.GetParam(outputFirst)
	return e
}

func (e *encoder) forward(images *Node) Output {
	c := e.config
	x := ConvertDType(images, c.dtype())
	if c.Stem == StemSmall {
		x = e.convNorm(x, "conv1", "bn1", 1, true)
	} else {
		x = e.convNorm(x, "conv1", "bn1", 2, true)
		x = e.maxPool(x)
	}
	remat := c.Remat == RematBlock && e.norm.Train
	for _, b := range c.blocks() {
		if remat {
			x = x.Checkpoint()
		}
		x = e.block(x, b)
		if remat {
			x = x.StopCheckpoint()
		}
	}
	e.updateTogether()
	features := ReduceMean(ConvertDType(x, dtypes.Float32), 1, 2)
	features.AssertDims(images.Shape().Dimensions[0], c.Features())
	if c.Head == HeadNone {
		return Output{Features: features}
	}
	return Output{Features: features, Projection: e.head(features)}
}

type encoder struct {
	scope    *model.Scope
	config   Config
	norm     Norm
	g        *Graph
	lowering lowering

	outputFirst bool // kernels are kept so: KeepKernels

	running    []*model.Variable // of BatchNorm, that Forward sets
	statistics []*Node           // of the groups for each
}

func (e *encoder) variable(name string) *model.Variable {
	v := e.scope.GetVariable(name)
	if v == nil {
		Panicf("resnet: variable %q is not in scope %q, call resnet.Init first", name, e.scope.Scope())
	}
	return v
}

func (e *encoder) value(name string) *Node { return e.variable(name).NodeValue(e.g) }

func (e *encoder) block(x *Node, b block) *Node {
	y := x
	if archs[e.config.Arch].bottleneck {
		y = e.convNorm(y, b.name+".conv1", b.name+".bn1", 1, true)
		y = e.convNorm(y, b.name+".conv2", b.name+".bn2", b.stride, true)
		y = e.convNorm(y, b.name+".conv3", b.name+".bn3", 1, false)
	} else {
		y = e.convNorm(y, b.name+".conv1", b.name+".bn1", b.stride, true)
		y = e.convNorm(y, b.name+".conv2", b.name+".bn2", 1, false)
	}
	if b.downsample() {
		x = e.convNorm(x, b.name+".downsample.0", b.name+".downsample.1", b.stride, false)
	}
	return e.relu(Add(x, y), x.DType())
}

func (e *encoder) convNorm(x *Node, conv, norm string, stride int, relu bool) *Node {
	dtype := x.DType()
	kernel := ConvertDType(e.value(conv+".weight"), dtype)
	x = e.convolve(x, kernel, stride)
	x = e.batchNorm(x, norm)
	if relu {
		return e.relu(x, dtype)
	}
	return ConvertDType(x, dtype)
}

// relu is the larger of x, float32 or of the type given, and 0, of that type.
//
// Where the backend's loops are plain, its gradient passes where the result is above 0, as torch's does: GoMLX's passes at 0,
// too, computes that by several conversions, and keeps x, which is as large as the result that is kept in any case. With
// blocks computed again the result that it would read is not kept. An x of minus infinity gives NaN there.
func (e *encoder) relu(x *Node, dtype dtypes.DType) *Node {
	if !e.lowering.plainLoops || e.config.Remat == RematBlock {
		return MaxScalar(ConvertDType(x, dtype), 0)
	}
	var y *Node
	x = IdentityWithCustomGradient(x, func(_, v *Node) *Node { return Where(GreaterThan(y, ZerosLike(y)), v, ZerosLike(v)) })
	y = ConvertDType(Sub(x, StopGradient(MinScalar(x, 0))), dtype)
	return y
}

func (e *encoder) head(x *Node) *Node {
	if e.config.Head == HeadMLP {
		x = MaxScalar(e.linear(x, "fc.0"), 0)
		x = e.linear(x, "fc.2")
	} else {
		x = e.linear(x, "fc")
	}
	// torch's normalize divides by max(norm, 1e-12); the floor stands inside the root, whose gradient at
	// zero would be infinite.
	norm := Sqrt(MaxScalar(ReduceAndKeep(Square(x), ReduceSum, 1), 1e-24))
	return Div(x, norm)
}

func (e *encoder) linear(x *Node, name string) *Node {
	y := Dot(x, e.value(name+".weight")).General([]int{1}, nil, []int{1}, nil)
	return Add(y, InsertAxes(e.value(name+".bias"), 0))
}

// axesOutputFirst are those of images [N,H,W,C] and kernels [D,h,w,C].
var axesOutputFirst = compute.ConvolveAxesConfig{
	InputBatch: 0, InputSpatial: []int{1, 2}, InputChannels: 3,
	KernelOutputChannels: 0, KernelSpatial: []int{1, 2}, KernelInputChannels: 3,
	OutputBatch: 0, OutputSpatial: []int{1, 2}, OutputChannels: 3,
}

// convolve is torch's Conv2d without bias: x [N,H,W,C], kernel [h,w,C,D], or [D,h,w,C] in a store that keeps it so
// (KeepKernels), with h = w odd, padding (h-1)/2 on each side whatever the stride ("same" padding would shift strided
// convolutions).
func (e *encoder) convolve(x, kernel *Node, stride int) *Node {
	if e.outputFirst {
		p := (kernel.Shape().Dimensions[1] - 1) / 2
		return Convolve(x, kernel).AxesConfig(axesOutputFirst).Strides(stride).PaddingPerDim([][2]int{{p, p}, {p, p}}).Done()
	}
	if e.lowering.windowsByMatmul {
		return convolveByMatmul(x, kernel, stride)
	}
	p := (kernel.Shape().Dimensions[0] - 1) / 2
	return Convolve(x, kernel).Strides(stride).PaddingPerDim([][2]int{{p, p}, {p, p}}).Done()
}

// convolveByMatmul gathers each kernel tap's view of the padded image, and multiplies once.
func convolveByMatmul(x, kernel *Node, stride int) *Node {
	k := kernel.Shape().Dimensions // [h, w, C, D]
	taps := windowTaps(x, k[0], stride)
	d := taps[0].Shape().Dimensions // [N, outH, outW, C]
	patches := taps[0]
	if len(taps) > 1 {
		patches = Concatenate(taps, 3)
	}
	patches = Reshape(patches, d[0]*d[1]*d[2], len(taps)*d[3])
	y := Dot(patches, Reshape(kernel, len(taps)*d[3], k[3])).Product()
	return Reshape(y, d[0], d[1], d[2], k[3])
}

// windowTaps are the size x size elements of every window over x [N,H,W,C] with (size-1)/2 zeros around it,
// each [N,outH,outW,C].
func windowTaps(x *Node, size, stride int) []*Node {
	d, p := x.Shape().Dimensions, (size-1)/2
	outH, outW := (d[1]+2*p-size)/stride+1, (d[2]+2*p-size)/stride+1
	x = padZeros(padZeros(x, 1, p), 2, p)
	taps := make([]*Node, 0, size*size)
	for i := range size {
		for j := range size {
			taps = append(taps, Slice(x, AxisRange(),
				AxisRange(i, i+(outH-1)*stride+1).Stride(stride),
				AxisRange(j, j+(outW-1)*stride+1).Stride(stride), AxisRange()))
		}
	}
	return taps
}

// padZeros puts p zeros on both sides of an axis. GoMLX's Pad has no gradient.
func padZeros(x *Node, axis, p int) *Node {
	if p == 0 {
		return x
	}
	side := zerosFor(x, axis, p)
	return Concatenate([]*Node{side, x, side}, axis)
}

// zerosFor are n zeros to put beside x along an axis.
func zerosFor(x *Node, axis, n int) *Node {
	dims := x.Shape().Clone().Dimensions
	dims[axis] = n
	return Zeros(x.Graph(), shapes.Make(x.DType(), dims...))
}
