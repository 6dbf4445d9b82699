package resnet

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Param is one variable of an encoder: a parameter, or a BatchNorm buffer.
type Param struct {
	// Name is torchvision's, such as "layer4.0.downsample.0.weight".
	Name string
	// Dims are the variable's dimensions in our layout (see the package comment).
	Dims []int
	// Buffer marks BatchNorm's running statistics, which no gradient and no momentum update touches.
	Buffer bool

	init initializer
}

// Size is the number of values.
func (p Param) Size() int {
	n := 1
	for _, d := range p.Dims {
		n *= d
	}
	return n
}

// Params lists the encoder's variables in torchvision's order. It panics on an invalid Config.
func (c Config) Params() []Param {
	if err := c.Validate(); err != nil {
		panic(err)
	}
	var l lister
	if c.Stem == StemSmall {
		// The notebook puts a fresh nn.Conv2d here, after torchvision's initialisation has run.
		l.add("conv1.weight", uniformFanIn(9*c.ImageChannels()), false, 3, 3, c.ImageChannels(), c.Width)
	} else {
		l.conv("conv1", 7, c.ImageChannels(), c.Width)
	}
	l.norm("bn1", c.Width)
	for _, b := range c.blocks() {
		if archs[c.Arch].bottleneck {
			l.conv(b.name+".conv1", 1, b.in, b.mid)
			l.norm(b.name+".bn1", b.mid)
			l.conv(b.name+".conv2", 3, b.mid, b.mid)
			l.norm(b.name+".bn2", b.mid)
			l.conv(b.name+".conv3", 1, b.mid, b.out)
			l.norm(b.name+".bn3", b.out)
		} else {
			l.conv(b.name+".conv1", 3, b.in, b.out)
			l.norm(b.name+".bn1", b.out)
			l.conv(b.name+".conv2", 3, b.out, b.out)
			l.norm(b.name+".bn2", b.out)
		}
		if b.downsample() {
			l.conv(b.name+".downsample.0", 1, b.in, b.out)
			l.norm(b.name+".downsample.1", b.out)
		}
	}
	switch c.Head {
	case HeadMLP:
		l.linear("fc.0", c.Features(), c.Features())
		l.linear("fc.2", c.Features(), c.Dim)
	case HeadLinear:
		l.linear("fc", c.Features(), c.Dim)
	}
	return l.params
}

// Init creates the encoder's variables in scope with torchvision's initial values: convolutions normal with
// the fan-out's variance (He et al. 2015), BatchNorm 1 and 0, linear layers uniform by fan-in. Variables that
// exist are left alone.
func Init(scope *model.Scope, c Config, seed uint64) {
	for _, p := range c.Params() {
		if scope.GetVariable(p.Name) != nil {
			continue
		}
		h := fnv.New64a()
		h.Write([]byte(p.Name))
		values := make([]float32, p.Size())
		p.init(values, rand.New(rand.NewPCG(seed, h.Sum64())))
		t := tensors.FromShape(shapes.Make(dtypes.Float32, p.Dims...))
		tensors.MustMutableFlatData(t, func(flat []float32) { copy(flat, values) })
		scope.VariableWithValue(p.Name, t).SetTrainable(!p.Buffer)
	}
}

// block is one residual block: its name, channels in, inside and out, and stride.
type block struct {
	name         string
	in, mid, out int
	stride       int
}

// downsample tells whether the shortcut needs a projection.
func (b block) downsample() bool { return b.stride != 1 || b.in != b.out }

func (c Config) blocks() []block {
	var bs []block
	in := c.Width
	for stage, n := range archs[c.Arch].blocks {
		mid := c.Width << stage
		out := mid * c.expansion()
		for i := range n {
			b := block{name: fmt.Sprintf("layer%d.%d", stage+1, i), in: in, mid: mid, out: out, stride: 1}
			if stage > 0 && i == 0 {
				b.stride = 2
			}
			bs = append(bs, b)
			in = out
		}
	}
	return bs
}

// Block is a residual block as other software builds it: Convs convolutions with padding (size-1)/2, each with its
// BatchNorm, ReLU between them and after the sum with the shortcut.
type Block struct {
	// Name is torchvision's, such as "layer4.0"; its convolutions are conv1 to conv<Convs>, its norms bn1 to bn<Convs>.
	Name  string
	Convs int
	// Strided is the number of the convolution, from 1, that has the block's Stride.
	Strided, Stride int
	// Downsample tells that the shortcut has a convolution (downsample.0, of the block's stride) and a norm (.1).
	Downsample bool
}

// Blocks lists the residual blocks in order.
func (c Config) Blocks() []Block {
	var all []Block
	for _, b := range c.blocks() {
		block := Block{Name: b.name, Convs: 2, Strided: 1, Stride: b.stride, Downsample: b.downsample()}
		if archs[c.Arch].bottleneck {
			block.Convs, block.Strided = 3, 2
		}
		all = append(all, block)
	}
	return all
}

type initializer func(dst []float32, rng *rand.Rand)

type lister struct{ params []Param }

func (l *lister) add(name string, init initializer, buffer bool, dims ...int) {
	l.params = append(l.params, Param{Name: name, Dims: dims, Buffer: buffer, init: init})
}

func (l *lister) conv(name string, size, in, out int) {
	l.add(name+".weight", normalFanOut(size*size*out), false, size, size, in, out)
}

func (l *lister) norm(name string, channels int) {
	l.add(name+".weight", constant(1), false, channels)
	l.add(name+".bias", constant(0), false, channels)
	l.add(name+".running_mean", constant(0), true, channels)
	l.add(name+".running_var", constant(1), true, channels)
}

func (l *lister) linear(name string, in, out int) {
	l.add(name+".weight", uniformFanIn(in), false, out, in)
	l.add(name+".bias", uniformFanIn(in), false, out)
}

func constant(v float32) initializer {
	return func(dst []float32, _ *rand.Rand) {
		for i := range dst {
			dst[i] = v
		}
	}
}

// normalFanOut is torch's kaiming_normal_(mode="fan_out", nonlinearity="relu").
func normalFanOut(fanOut int) initializer {
	std := math.Sqrt(2 / float64(fanOut))
	return func(dst []float32, rng *rand.Rand) {
		for i := range dst {
			dst[i] = float32(rng.NormFloat64() * std)
		}
	}
}

// uniformFanIn is the default of torch's Linear and Conv2d: uniform in +-1/sqrt(fan_in).
func uniformFanIn(fanIn int) initializer {
	bound := 1 / math.Sqrt(float64(fanIn))
	return func(dst []float32, rng *rand.Rand) {
		for i := range dst {
			dst[i] = float32((rng.Float64()*2 - 1) * bound)
		}
	}
}
