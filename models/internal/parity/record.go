package parity

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
)

// Record is what is kept of one tensor, in torch's layout.
type Record struct {
	Name string `json:"name"`
	Dims []int  `json:"dims"`
	// Norm is the L2 norm.
	Norm float64 `json:"norm"`
	// Projections are sums over the elements with pseudo-random signs: sign p of element i is bit p of
	// Hash("sign/"+Name, i), set for minus. Their mean square estimates the square of the norm, of a tensor and
	// of a difference alike.
	Projections []float64 `json:"projections"`
	// Samples are the values at Indices.
	Indices []int     `json:"indices"`
	Samples []float64 `json:"samples"`
	// Float32 is the relative L2 distance of the recording framework's own float32 run: the recorded one is
	// float64.
	Float32 float64 `json:"float32"`
}

// Load reads a JSON file of a folder into v, a pointer.
func Load(from fs.FS, path string, v any) error {
	data, err := fs.ReadFile(from, path)
	if err != nil {
		return fmt.Errorf("parity: %w", err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("parity: %s: %w", path, err)
	}
	return nil
}

// Check compares values in torch's layout with the record and returns their estimated relative L2 difference,
// which relative bounds; samples may differ by relative times the larger of themselves and 8 root mean squares
// of the tensor. The error names the tensor and the index.
func (r Record) Check(values []float32, relative float64) (float64, error) {
	size := 1
	for _, d := range r.Dims {
		size *= d
	}
	if len(values) != size {
		return math.Inf(1), fmt.Errorf("parity: %s: %d values, want %v", r.Name, len(values), r.Dims)
	}
	rms := r.Norm / math.Sqrt(float64(size))
	for n, i := range r.Indices {
		got, want := float64(values[i]), r.Samples[n]
		if allowed := relative * max(8*rms, math.Abs(want)); !(math.Abs(got-want) <= allowed) {
			return math.Inf(1), fmt.Errorf("parity: %s: element %d is %.9g, want %.9g within %.2g",
				r.Name, i, got, want, allowed)
		}
	}
	d := r.distance(values)
	if !(d <= relative) {
		return d, fmt.Errorf("parity: %s: relative L2 difference %.3g, want at most %.3g", r.Name, d, relative)
	}
	return d, nil
}

// distance estimates |values-recorded| / |recorded| from the projections and the norm: the larger of the two.
func (r Record) distance(values []float32) float64 {
	hash := hashAll("sign/" + r.Name)
	sums := make([]float64, len(r.Projections))
	square := 0.0
	for i, v := range values {
		x := float64(v)
		square += x * x
		bits := hash(i)
		for p := range sums {
			sums[p] += math.Float64frombits(math.Float64bits(x) ^ uint64(bits>>p)<<63)
		}
	}
	difference := 0.0
	for p, sum := range sums {
		d := sum - r.Projections[p]
		difference += d * d
	}
	difference = math.Sqrt(difference / float64(len(sums)))
	return max(difference, math.Abs(math.Sqrt(square)-r.Norm)) / r.Norm
}
