package resnet

import (
	"testing"

	"github.com/gomlx/compute"

	"github.com/mocotpu/mocotpu/models/internal/engines"
)

// looping is a backend that says what its loops are like; wrapper hides it, as every embedding does, and names what it wraps.
type looping struct {
	compute.Backend
	plain bool
}

func (s looping) PlainLoops() bool { return s.plain }

func (s looping) Name() string { return "another" }

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
		{"plain loops", looping{plain, true}, lowering{plainLoops: true}},
		{"plain loops, wrapped twice", wrapper{wrapper{looping{plain, true}}}, lowering{plainLoops: true}},
		{"other loops", wrapper{looping{plain, false}}, lowering{}},
	} {
		if got := loweringFor(test.backend); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}
