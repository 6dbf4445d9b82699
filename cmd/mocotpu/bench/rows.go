package bench

import (
	"runtime"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/host/guard"
)

// Rows for searches: a centre for each class, and noise around it. Every element is a function of its number, of whole
// numbers and exact products, so that peer/faiss_peer.py draws the same rows, bit for bit, and nothing has to be written.

// The seeds of the rows; that of the centres is 0. The one behind each draws the labels.
const (
	bankSeed  = 0x10
	querySeed = 0x20
)

// hashed is 32 bits for a number.
func hashed(number, seed uint32) uint32 {
	x := (number ^ seed) * 0x9E3779B1
	x = (x ^ x>>15) * 0x85EBCA77
	x = (x ^ x>>13) * 0xC2B2AE3D
	return x ^ x>>16
}

// uniform is from -1 on, below 1, in steps of 2^-23.
func uniform(number, seed uint32) float32 {
	return float32(hashed(number, seed)>>8)*(1.0/(1<<23)) - 1
}

// drawn are rows of classes, whose noise reaches as far as noise, a power of two.
func drawn(rows, dim, classes int, noise float32, seed uint32) (encoder.Features, []int32) {
	centres := make([]float32, classes*dim)
	for i := range centres {
		centres[i] = uniform(uint32(i), 0)
	}
	f, labels := encoder.Features{Data: make([]float32, rows*dim), Dim: dim}, make([]int32, rows)
	var wait guard.Group
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wait.Go(func() {
			for row := w * rows / workers; row < (w+1)*rows/workers; row++ {
				labels[row] = int32(hashed(uint32(row), seed+1) % uint32(classes))
				centre := centres[int(labels[row])*dim:][:dim]
				for j, c := range centre {
					at := row*dim + j
					f.Data[at] = c + float32(uniform(uint32(at), seed)*noise)
				}
			}
		})
	}
	wait.Wait()
	return f, labels
}

// noiseFor is a power of two for which classes of rows of dim are neither all alike nor all apart: about (dim/8)^(1/4).
func noiseFor(dim int) float32 {
	noise := float32(1)
	for d := float64(dim) / 8; d >= 16; d /= 16 {
		noise *= 2
	}
	return noise
}
