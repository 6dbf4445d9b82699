package moco

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/xla/mesh"
)

var (
	// ErrInvariant says that a step did what MoCo never does: the program that it was compiled to is wrong.
	ErrInvariant = errors.New("invariant violated")
	// ErrNotFinite says that BatchNorm's statistics hold a NaN or an infinity: the run diverges.
	ErrNotFinite = errors.New("not finite")
)

const (
	// unitTolerance is how far the length of a queue's row may be from 1. Its square is a sum of Dim rounded products.
	unitTolerance = 1e-5
	// emaTolerance is how far a key parameter may be from the momentum update, relative to the parameters of both
	// encoders: a few roundings of float32, each 6e-8.
	emaTolerance = 4e-7
)

// CheckChange compares the state before a step with that after it: float32 and int32 variables, by their paths without
// the leading slash. The error is [ErrInvariant] or [ErrNotFinite].
//
// BatchNorm's statistics are finite and the variances not negative. The key encoder's parameters follow the momentum
// update and nothing else, so that no gradient reached them. The pointer moved by the keys of the step, modulo the queue's
// length; the rows of the queue that it passed are of unit length, and all others are as they were.
func (s Step) CheckChange(before, after map[string]any) error {
	for _, check := range []func(before, after map[string]any) error{s.checkStatistics, s.checkKey, s.checkQueue} {
		if err := check(before, after); err != nil {
			return fmt.Errorf("moco: %w", err)
		}
	}
	return nil
}

func (s Step) checkStatistics(_, after map[string]any) error {
	for _, scope := range []string{QueryScope, KeyScope} {
		for _, p := range s.Encoder.Params() {
			if !p.Buffer {
				continue
			}
			name := scope + "/" + p.Name
			for i, v := range after[name].([]float32) {
				if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
					return fmt.Errorf("%s[%d] is %v: %w", name, i, v, ErrNotFinite)
				}
				if v < 0 && strings.HasSuffix(name, ".running_var") {
					return fmt.Errorf("%w: %s[%d] is %v, want a variance", ErrInvariant, name, i, v)
				}
			}
		}
	}
	return nil
}

func (s Step) checkKey(before, after map[string]any) error {
	for _, p := range s.Encoder.Params() {
		if p.Buffer {
			continue
		}
		query, key := before[QueryScope+"/"+p.Name].([]float32), before[KeyScope+"/"+p.Name].([]float32)
		for i, v := range after[KeyScope+"/"+p.Name].([]float32) {
			q, k := float64(query[i]), float64(key[i])
			want := s.KeyMomentum*k + (1-s.KeyMomentum)*q
			if !(math.Abs(float64(v)-want) <= emaTolerance*(math.Abs(q)+math.Abs(k))) {
				return fmt.Errorf("%w: %s/%s[%d] is %v, want %v, %v of the key's %v and the rest of the query's %v",
					ErrInvariant, KeyScope, p.Name, i, v, want, s.KeyMomentum, k, q)
			}
		}
	}
	return nil
}

func (s Step) checkQueue(before, after map[string]any) error {
	start, keys := int(before[PointerName].([]int32)[0]), s.keysPerStep()
	got, want := int(after[PointerName].([]int32)[0]), (start+keys)%s.Queue
	if got != want {
		return fmt.Errorf("%w: the queue's pointer moved from %d to %d, want %d, %d keys on in a queue of %d",
			ErrInvariant, start, got, want, keys, s.Queue)
	}
	old, queue, d := before[QueueName].([]float32), after[QueueName].([]float32), s.Encoder.Dim
	for i := range s.Queue {
		row := queue[i*d : (i+1)*d]
		if (i-start+s.Queue)%s.Queue >= keys {
			if was := old[i*d : (i+1)*d]; !slices.Equal(row, was) {
				return fmt.Errorf("%w: row %d of the queue is %v, want the %v before the step, which enqueues %d keys from row %d on",
					ErrInvariant, i, row, was, keys, start)
			}
			continue
		}
		sum := 0.0
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		if length := math.Sqrt(sum); !(math.Abs(length-1) <= unitTolerance) {
			return fmt.Errorf("%w: row %d of the queue has length %v, want 1", ErrInvariant, i, length)
		}
	}
	return nil
}

// CheckShuffle compiles the shuffle of a batch for a mesh, and checks that it is [Step.ShuffleOrder] and its own inverse.
func (s Step) CheckShuffle(m *mesh.Mesh) error {
	if !s.Shuffle {
		return nil
	}
	return checkShuffle(m, s.ShuffleOrder(), func(x *Node) *Node { return shuffle(x, s.Groups) })
}

func checkShuffle(m *mesh.Mesh, order []int, exchange func(*Node) *Node) error {
	input := mesh.Input{Shape: shape(dtypes.Float32, len(order))}
	program, err := m.Compile("shuffle", model.NewStore(), []mesh.Input{input}, func(_ *model.Scope, in []*Node) []*Node {
		once := exchange(in[0])
		return []*Node{once, exchange(once)}
	})
	if err != nil {
		return err
	}
	defer program.Close()
	rows := make([]float32, len(order))
	for i := range rows {
		rows[i] = float32(i)
	}
	out, err := program.Run(tensors.FromFlatDataAndDimensions(rows, len(rows)))
	if err != nil {
		return err
	}
	once, twice := tensors.MustCopyFlatData[float32](out[0]), tensors.MustCopyFlatData[float32](out[1])
	for i := range order {
		if int(once[i]) != order[i] {
			return fmt.Errorf("moco: %w: the shuffle puts image %v of the batch at %d, want %d", ErrInvariant, once[i], i, order[i])
		}
		if int(twice[i]) != i {
			return fmt.Errorf("moco: %w: shuffled twice, image %v of the batch stands at %d, want %d", ErrInvariant, twice[i], i, i)
		}
	}
	return nil
}
