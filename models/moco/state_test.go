package moco

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// The state of a run before its first step: key = query, buffers of SGD zero, queue of unit rows, pointer 0;
// the seed decides over query and queue.
func TestInit(t *testing.T) {
	c := tiny()
	initial := func(seed uint64) (*model.Store, state) {
		store := model.NewStore()
		if err := Init(store, c, seed); err != nil {
			t.Fatal(err)
		}
		return store, stateOf(store)
	}
	store, s := initial(1)
	key := s.params(t, c, KeyScope)
	for name, q := range s.params(t, c, QueryScope) {
		if !slices.Equal(q, key[name]) {
			t.Errorf("key %s differs from the query's", name)
		}
	}
	for name, buffer := range s.params(t, c, MomentumScope) {
		if slices.ContainsFunc(buffer, func(v float32) bool { return v != 0 }) {
			t.Errorf("momentum buffer %s is not zero", name)
		}
	}
	queue := s["/"+QueueName]
	if len(queue) != c.Queue*c.Encoder.Dim {
		t.Fatalf("queue of %d values, want %d", len(queue), c.Queue*c.Encoder.Dim)
	}
	for row := range slices.Chunk(queue, c.Encoder.Dim) {
		sum := 0.0
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		if math.Abs(sum-1) > 1e-5 {
			t.Errorf("queue row %v has squared length %v, want 1", row, sum)
		}
	}
	if p := tensors.ToScalar[int32](value(t, store.RootScope(), PointerName)); p != 0 {
		t.Errorf("pointer %d, want 0", p)
	}
	_, same := initial(1)
	_, other := initial(2)
	for path, values := range s {
		if !slices.Equal(values, same[path]) {
			t.Errorf("%s differs between two states of one seed", path)
		}
	}
	for _, path := range []string{"/" + QueueName, "/query/conv1.weight", "/query/fc.bias"} {
		if slices.Equal(s[path], other[path]) {
			t.Errorf("%s is the same for two seeds", path)
		}
	}
	if err := Init(model.NewStore(), Step{}, 1); err == nil {
		t.Error("a state of the zero Step, want an error")
	}
}

func zeros(dims ...int) *tensors.Tensor { return tensors.FromShape(shape(dtypes.Float32, dims...)) }

func vector(values []float32) *tensors.Tensor { return matrix(values, len(values)) }

func matrix(values []float32, dims ...int) *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(values, dims...)
}
