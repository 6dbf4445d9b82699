package resnet

import (
	"testing"

	"github.com/gomlx/compute"

	"github.com/mocotpu/mocotpu/models/internal/engines"
)

// longSums is a backend that says how it sums; wrapper hides it, as every embedding does, and names what it wraps.
type longSums struct {
	compute.Backend
	readMemory bool
}

func (s longSums) LongSumsReadMemory() bool { return s.readMemory }

func (s longSums) Name() string { return "another" }

type wrapper struct{ compute.Backend }

func (w wrapper) Unwrap() compute.Backend { return w.Backend }

// The encoder is written for the backend that runs it, however many backends wrap it.
func TestLoweringFor(t *testing.T) {
	plain := engines.Go(t)
	for _, test := range []struct {
		name    string
		backend compute.Backend
		want    lowering
	}{
		{"the Go engine", plain, lowering{windowsByMatmul: true}},
		{"the Go engine, wrapped", wrapper{plain}, lowering{windowsByMatmul: true}},
		{"sums of that kind", longSums{plain, true}, lowering{meansInTwoSteps: true}},
		{"sums of that kind, wrapped twice", wrapper{wrapper{longSums{plain, true}}}, lowering{meansInTwoSteps: true}},
		{"other sums", wrapper{longSums{plain, false}}, lowering{}},
	} {
		if got := loweringFor(test.backend); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}
