package moco

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/resnet"
)

// Scopes of the state's variables in a store, and its variables beside them.
const (
	QueryScope    = "query"    // the query encoder: parameters and BatchNorm buffers
	KeyScope      = "key"      // the key encoder
	MomentumScope = "momentum" // SGD's buffer of each query parameter
	QueueName     = "queue"    // a variable, not a scope: the queue, [K,D] float32
	PointerName   = "queue_ptr"
)

// queueStream separates the queue's random numbers from those of the encoder.
const queueStream = 0x71756575

// Init creates the state of a run in an empty store: the query encoder by its initialisers, the key encoder
// a copy of it, SGD's buffers zero, the queue random unit rows, the pointer 0. A pure function of the
// configuration and the seed.
func Init(store *model.Store, s Step, seed uint64) error {
	if err := s.Validate(); err != nil {
		return err
	}
	root := store.RootScope()
	for _, scope := range []string{QueryScope, KeyScope} {
		resnet.Init(root.In("%s", scope), s.Encoder, seed)
	}
	momentum := root.In(MomentumScope)
	for _, p := range s.Encoder.Params() {
		if !p.Buffer {
			momentum.VariableWithValue(p.Name, tensors.FromShape(shape(dtypes.Float32, p.Dims...))).SetTrainable(false)
		}
	}
	queue := tensors.FromShape(shape(dtypes.Float32, s.Queue, s.Encoder.Dim))
	err := tensors.MutableFlatData(queue, func(flat []float32) {
		fillUnitRows(flat, s.Encoder.Dim, rand.New(rand.NewPCG(seed, queueStream)))
	})
	if err != nil {
		return fmt.Errorf("moco: queue: %w", err)
	}
	root.VariableWithValue(QueueName, queue).SetTrainable(false)
	root.VariableWithValue(PointerName, int32(0)).SetTrainable(false)
	return nil
}

// fillUnitRows fills rows of dim values with directions uniform on the sphere.
func fillUnitRows(flat []float32, dim int, rng *rand.Rand) {
	for ; len(flat) >= dim; flat = flat[dim:] {
		sum := 0.0
		for i := range dim {
			x := rng.NormFloat64()
			flat[i] = float32(x)
			sum += x * x
		}
		scale := float32(1 / math.Sqrt(sum))
		for i := range dim {
			flat[i] *= scale
		}
	}
}

// variables are an encoder's parameters in scope, in torchvision's order.
func variables(root *model.Scope, scope string, c resnet.Config) []*model.Variable {
	at := root.At("%s", scope)
	var vars []*model.Variable
	for _, p := range c.Params() {
		if !p.Buffer {
			vars = append(vars, at.GetVariable(p.Name))
		}
	}
	return vars
}
