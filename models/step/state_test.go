package step

import (
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/run"
)

// outputFirst is a backend that reads kernels as [out, height, width, in].
type outputFirst struct{ compute.Backend }

func (outputFirst) KernelsOutputFirst() bool { return true }

// A state moves between backends that keep kernels otherwise bit for bit, and begins as the same.
func TestStateMovesBetweenBackends(t *testing.T) {
	c := run.Glyphs().Step()
	c.Encoder.Width, c.Encoder.Dim, c.Queue = 3, 8, c.Batch // conv1 is [3, 3, 3, 3]
	open := func(b compute.Backend, seed uint64) *Step {
		s, err := New(engines.Mesh(t, b, 1), c, seed)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	plain, other := open(engines.Go(t), 1), open(outputFirst{engines.Go(t)}, 1)
	same := func(when string) {
		t.Helper()
		want, got := tensorsOf(t, plain), tensorsOf(t, other)
		for i, w := range want {
			g := got[i]
			if g.Name != w.Name || !slices.Equal(g.Shape, w.Shape) || !slices.Equal(g.Data, w.Data) {
				t.Fatalf("%s: %s%v is not the %s%v of the other backend", when, g.Name, g.Shape, w.Name, w.Shape)
			}
		}
	}
	same("at the beginning")
	const kernel = "query/layer2.0.conv1.weight"
	if got, want := other.Store().GetVariable(kernel).Shape().Dimensions, []int{6, 3, 3, 3}; !slices.Equal(got, want) {
		t.Errorf("%s is kept as %v, want %v", kernel, got, want)
	}
	if err := other.Restore(tensorsOf(t, open(engines.Go(t), 2))); err != nil {
		t.Fatal(err)
	}
	if err := plain.Restore(tensorsOf(t, other)); err != nil {
		t.Fatal(err)
	}
	same("after a checkpoint")
	if err := other.Reset(); err != nil {
		t.Fatal(err)
	}
	if err := plain.Reset(); err != nil {
		t.Fatal(err)
	}
	same("set back")
}

// tensorsOf is the state as a checkpoint has it.
func tensorsOf(t *testing.T, s *Step) (all []safetensors.Tensor) {
	t.Helper()
	state, err := s.state()
	if err != nil {
		t.Fatal(err)
	}
	for v := range s.Store().IterVariables() {
		name := Name(v)
		all = append(all, safetensors.Tensor{
			Name: name, DType: DTypes[v.DType()], Shape: s.Dims(v), Data: dtypes.UnsafeByteSliceFromAny(state[name]),
		})
	}
	return all
}
