package moco

import (
	"errors"
	"math"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/internal/engines"
)

// flats are the variables as CheckChange wants them.
func flats(store *model.Store) map[string]any {
	all := map[string]any{}
	for path, values := range stateOf(store) {
		all[path[1:]] = values
	}
	all[PointerName] = tensors.MustCopyFlatData[int32](store.RootScope().GetVariable(PointerName).MustValue())
	return all
}

// changed applies change to what the step leaves in a variable.
func changed(name string, change func(*Node) *Node) func(*model.Scope, *Graph) {
	return func(root *model.Scope, g *Graph) {
		scope, leaf, nested := strings.Cut(name, "/")
		if nested {
			root = root.At("%s", scope)
		} else {
			leaf = scope
		}
		v := root.GetVariable(leaf)
		v.SetNodeValue(change(v.NodeValue(g)))
	}
}

// CheckChange finds nothing in the step, and finds each way to get it wrong: the wrong steps are compiled and run.
func TestCheckChange(t *testing.T) {
	for _, test := range []struct {
		name  string
		wrong func(root *model.Scope, g *Graph) // added to the step; nil for none
		kind  error
		want  string
	}{
		{"right", nil, nil, ""},
		{"gradient into the key", func(root *model.Scope, g *Graph) {
			// The query's step of SGD, on the key as well: its buffer is the gradient in the first step.
			key, buffer := root.At(KeyScope).GetVariable("fc.weight"), root.At(MomentumScope).GetVariable("fc.weight")
			key.SetNodeValue(Sub(key.NodeValue(g), MulScalar(buffer.NodeValue(g), 0.01)))
		}, ErrInvariant, "key/fc.weight[0] is "},
		{"rows not normalised", changed(QueueName, func(x *Node) *Node { return MulScalar(x, 1.01) }), ErrInvariant, "row "},
		{"rows zero", changed(QueueName, ZerosLike), ErrInvariant, "the queue "},
		{"pointer", changed(PointerName, func(x *Node) *Node { return SubScalar(x, 1) }), ErrInvariant, "pointer moved from 30 to 5, want 6"},
		{"statistics", changed("key/bn1.running_mean", func(x *Node) *Node { return MulScalar(x, math.Inf(1)) }), ErrNotFinite, "key/bn1.running_mean["},
		{"variance", changed("query/bn1.running_var", Neg), ErrInvariant, "query/bn1.running_var[0] is -"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := tiny()
			store := formulaState(t, c, 30) // 16 keys in a queue of 40: they wrap
			program, err := engines.Mesh(t, engines.Go(t), 1).Compile("step", store, declared(c),
				func(root *model.Scope, in []*Node) []*Node {
					out := c.Build(root, in)
					if test.wrong != nil {
						test.wrong(root, out[0].Graph())
					}
					return out
				})
			if err != nil {
				t.Fatal(err)
			}
			defer program.Close()
			before := flats(store)
			if _, err := program.Run(stepArgs(c, "0", 0.01)...); err != nil {
				t.Fatal(err)
			}
			err = c.CheckChange(before, flats(store))
			if !errors.Is(err, test.kind) || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %v and %q", err, test.kind, test.want)
			}
		})
	}
}

// CheckShuffle finds an exchange that is another one than the host's, and one that is not its own inverse.
func TestCheckShuffle(t *testing.T) {
	m, c := engines.Mesh(t, engines.Go(t), 1), tiny()
	if err := c.CheckShuffle(m); err != nil {
		t.Error(err)
	}
	roll := func(x *Node) *Node {
		return Concatenate([]*Node{Slice(x, AxisRange(1)), Slice(x, AxisRange(0, 1))}, 0)
	}
	for name, test := range map[string]struct {
		order    []int
		exchange func(*Node) *Node
		want     string
	}{
		"other": {[]int{0, 1, 2, 3}, func(x *Node) *Node { return shuffle(x, 2) }, "the shuffle puts image 2 of the batch at 1, want 1"},
		"roll":  {[]int{1, 2, 3, 0}, roll, "shuffled twice, image 2 of the batch stands at 0, want 0"},
	} {
		err := checkShuffle(m, test.order, test.exchange)
		if !errors.Is(err, ErrInvariant) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
}
