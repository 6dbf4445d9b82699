package parity

import (
	"hash/fnv"
	"math"
	"strings"
)

// hash is 32 pseudo-random bits of element i of the thing called name. gen_torch.py has the same function.
func hash(name string, i int) uint32 { return hashAll(name)(i) }

// hashAll is hash for many elements of one name.
func hashAll(name string) func(i int) uint32 {
	h := fnv.New32a()
	h.Write([]byte(name))
	seed := h.Sum32()
	return func(i int) uint32 { return mix(mix(uint32(i)+0x9e3779b9) ^ seed) }
}

// mix is a bijection of 32 bits in which every input bit moves every output bit.
func mix(x uint32) uint32 {
	x = (x ^ x>>16) * 0x7feb352d
	x = (x ^ x>>15) * 0x846ca68b
	return x ^ x>>16
}

// Uniform is a value in [-1,1) of element i of name, exact in float32: a multiple of 2^-23.
func Uniform(name string, i int) float64 { return uniform(hash(name, i)) }

func uniform(h uint32) float64 { return float64(h>>8)/(1<<23) - 1 }

// Weights are the formula's values of the encoder variable name (torchvision's), of torch dimensions dims, in
// torch's order. The scope keeps encoders apart. Convolutions get the fan-out's variance, linear layers the
// fan-in's.
//
// BatchNorm's biases of about 1 and weights of about 0.4 keep its outputs off zero, where rounding would decide
// over a ReLU and two correct programs would differ by a hundredth in the gradient. Half of the bn1 channels
// are off, with a bias of about -1; the others feed sums, where signs could cancel.
func Weights(scope, name string, dims []int) []float32 {
	size := 1
	for _, d := range dims {
		size *= d
	}
	hash := hashAll(scope + "/" + name)
	value := weight(name, dims)
	values := make([]float32, size)
	for i := range values {
		values[i] = float32(value(uniform(hash(i))))
	}
	return values
}

// weight maps a uniform value in [-1,1) to one of the variable.
func weight(name string, dims []int) func(u float64) float64 {
	switch {
	case len(dims) == 4:
		amplitude := math.Sqrt(6 / float64(dims[0]*dims[2]*dims[3]))
		return func(u float64) float64 { return u * amplitude }
	case len(dims) == 2:
		root := math.Sqrt(float64(dims[1]))
		return func(u float64) float64 { return u / root }
	case strings.HasSuffix(name, ".weight"):
		return func(u float64) float64 { return 0.4 + u/16 }
	case strings.HasSuffix(name, ".running_var"):
		return func(u float64) float64 { return 1 + u/4 }
	case strings.HasSuffix(name, ".running_mean"), strings.HasPrefix(name, "fc"):
		return func(u float64) float64 { return u / 8 }
	case strings.Contains(name, "bn1."):
		return func(u float64) float64 {
			if u < 0 {
				return u/4 - 0.75
			}
			return u/4 + 0.75
		}
	}
	return func(u float64) float64 { return u/4 + 1 }
}

// Pixels are uint8 images [n,size,size,3] of 4x4 blocks with noise on top.
func Pixels(name string, n, size int) []uint8 {
	blocks, noise := hashAll(name+".blocks"), hashAll(name+".noise")
	side := (size + 3) / 4
	pixels := make([]uint8, 0, n*size*size*3)
	for image := range n {
		for y := range size {
			for x := range size {
				for c := range 3 {
					block := ((image*side+y/4)*side+x/4)*3 + c
					pixels = append(pixels, uint8(blocks(block)%224+noise(len(pixels))%32))
				}
			}
		}
	}
	return pixels
}

// UnitRows are n rows of dim values and length 1.
func UnitRows(name string, n, dim int) []float32 {
	hash := hashAll(name)
	values := make([]float32, n*dim)
	for row := range n {
		sum := 0.0
		for i := range dim {
			u := uniform(hash(row*dim + i))
			sum += u * u
		}
		for i := range dim {
			values[row*dim+i] = float32(uniform(hash(row*dim+i)) / math.Sqrt(sum))
		}
	}
	return values
}
