package moco

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// tiny is a step that the Go engine runs in a moment.
func tiny() Step {
	return Step{
		Encoder: resnet.Config{
			Arch: "resnet10", Width: 4, Stem: resnet.StemSmall, Head: resnet.HeadLinear, Dim: 8,
			Precision: resnet.Float32, Remat: resnet.RematNone,
		},
		Views: affine{}, ImageSize: 8, SGDMomentum: 0.9, WeightDecay: 1e-4,
		Config: Config{Batch: 16, Queue: 40, KeyMomentum: 0.9, Temperature: 0.2, Groups: 4, Shuffle: true},
	}
}

// state is every variable's values, by path.
type state map[string][]float32

func stateOf(store *model.Store) state {
	s := state{}
	for v := range store.IterVariables() {
		if v.Name() != PointerName {
			s[v.Path()] = floats(v.MustValue())
		}
	}
	return s
}

// params are the parameters of an encoder, by name.
func (s state) params(t testing.TB, c Step, scope string) state {
	t.Helper()
	params := state{}
	for _, p := range c.Encoder.Params() {
		if p.Buffer {
			continue
		}
		values, ok := s["/"+scope+"/"+p.Name]
		if !ok {
			t.Fatalf("no variable /%s/%s", scope, p.Name)
		}
		params[p.Name] = values
	}
	return params
}

// trained runs steps of tiny changed, from the formulas' state, and returns the first step's figures and the
// state before and after.
func trained(t testing.TB, change func(*Step), steps int) (figures [][]float32, before, after state) {
	t.Helper()
	c := tiny()
	change(&c)
	store := formulaState(t, c, 30)
	before = stateOf(store)
	lrs := slices.Repeat([]float32{0.01}, steps)
	figures = runSteps(t, engines.Go(t), store, c, lrs)
	return figures, before, stateOf(store)
}

// The key parameters follow the momentum update of the query's old parameters, and nothing else: no gradient
// reaches them. With m = 1 they stay, with m = 0 they are the query's.
func TestKeyFollowsMomentumOnly(t *testing.T) {
	for _, m := range []float64{0, 0.9, 1} {
		_, before, after := trained(t, func(c *Step) { c.KeyMomentum = m }, 1)
		query, key := before.params(t, tiny(), QueryScope), before.params(t, tiny(), KeyScope)
		for name, got := range after.params(t, tiny(), KeyScope) {
			want := make([]float64, len(got))
			for i := range want {
				want[i] = m*float64(key[name][i]) + (1-m)*float64(query[name][i])
			}
			tolerance := 1e-7
			if m == 0 || m == 1 {
				tolerance = 0
			}
			if d := parity.Compare(got, want); !(d.RelL2 <= tolerance) {
				t.Errorf("m = %v: key %s: %v", m, name, d)
			}
		}
		for name, got := range after.params(t, tiny(), QueryScope) {
			if slices.Equal(got, query[name]) {
				t.Errorf("m = %v: query %s did not move", m, name)
			}
		}
	}
}

// BatchNorm's buffers are each encoder's own: both move, and the key's are no mixture with the query's.
func TestBuffersAreEachEncodersOwn(t *testing.T) {
	_, before, after := trained(t, func(c *Step) { c.KeyMomentum = 1 }, 1)
	_, _, other := trained(t, func(c *Step) { c.KeyMomentum = 0 }, 1)
	for _, name := range []string{"bn1.running_mean", "layer4.0.bn2.running_var"} {
		for _, scope := range []string{QueryScope, KeyScope} {
			if slices.Equal(before["/"+scope+"/"+name], after["/"+scope+"/"+name]) {
				t.Errorf("%s %s did not move", scope, name)
			}
		}
		// The momentum decides over the key's parameters, so over its activations, but not over the query's.
		if d := parity.Compare(other["/query/"+name], after["/query/"+name]); d.MaxAbs != 0 {
			t.Errorf("query %s depends on the key momentum: %v", name, d)
		}
	}
}

// With one group the shuffle changes nothing; with more it changes the keys' statistics.
func TestShuffleMattersBetweenGroups(t *testing.T) {
	for groups, differs := range map[int]bool{1: false, 2: true, 4: true} {
		with, _, _ := trained(t, func(c *Step) { c.Groups = groups }, 1)
		without, _, _ := trained(t, func(c *Step) { c.Groups, c.Shuffle = groups, false }, 1)
		d := parity.Compare(with[0], without[0])
		if got := d.RelL2 > 1e-4; got != differs {
			t.Errorf("%d groups: shuffling changes the figures: %v (%v), want %v", groups, got, d, differs)
		}
	}
}

// Recomputing blocks in the backward pass changes memory, not numbers.
func TestRematGivesTheSameNumbers(t *testing.T) {
	want, _, wantState := trained(t, func(*Step) {}, 2)
	got, _, gotState := trained(t, func(c *Step) { c.Encoder.Remat = resnet.RematBlock }, 2)
	for step := range want {
		if d := parity.Compare(got[step], want[step]); !(d.RelL2 <= parity.Rounding) {
			t.Errorf("step %d: figures %v, want %v", step, got[step], want[step])
		}
	}
	for path, w := range wantState {
		if d := parity.Compare(gotState[path], w); !(d.RelL2 <= parity.Forward) {
			t.Errorf("%s: %v", path, d)
		}
	}
}

// bfloat16 has 8 bits: figures agree to about a hundredth, and the state stays float32.
func TestBFloat16IsNear(t *testing.T) {
	want, _, _ := trained(t, func(*Step) {}, 1)
	got, _, _ := trained(t, func(c *Step) { c.Encoder.Precision = resnet.BFloat16 }, 1)
	for _, figure := range []int{FigureLoss, FigurePositive, FigureNegative, FigureSpread} {
		g, w := float64(got[0][figure]), float64(want[0][figure])
		if !(math.Abs(g-w) <= 0.03*max(1, math.Abs(w))) {
			t.Errorf("figure %d is %v, want %v within 3 hundredths", figure, g, w)
		}
	}
	if d := parity.Compare(got[0], want[0]); d.RelL2 == 0 {
		t.Error("figures of bfloat16 and float32 are equal: the precision has no effect")
	}
}

// A symmetric step's loss is the sum of both terms, each that of a plain step with the views' roles.
func TestSymmetricTerms(t *testing.T) {
	plain, _, _ := trained(t, func(*Step) {}, 1)
	both, _, _ := trained(t, func(c *Step) { c.Symmetric = true }, 1)
	if got, want := both[0][FigureLossQuery], plain[0][FigureLoss]; math.Abs(float64(got-want)) > 1e-5 {
		t.Errorf("first term %v, want the plain step's loss %v", got, want)
	}
	sum := both[0][FigureLossQuery] + both[0][FigureLossKey]
	if got := both[0][FigureLoss]; math.Abs(float64(got-sum)) > 1e-5 || both[0][FigureLossKey] == 0 {
		t.Errorf("loss %v of terms %v and %v, want their sum", got, both[0][FigureLossQuery], both[0][FigureLossKey])
	}
	if got := plain[0][FigureLossKey]; got != 0 {
		t.Errorf("second term of a plain step is %v, want 0", got)
	}
}

// A state with all embeddings alike has loss log(K+1) and spread 0.
func TestCollapsedStateIsAtChance(t *testing.T) {
	c := tiny()
	store := formulaState(t, c, 0)
	bias := numbers(c.Encoder.Dim, 1)
	for _, scope := range []string{QueryScope, KeyScope} {
		at := store.RootScope().At("%s", scope)
		set(t, at, "fc.weight", zeros(c.Encoder.Dim, c.Encoder.Features()))
		set(t, at, "fc.bias", vector(bias))
	}
	norm := 0.0
	for _, b := range bias {
		norm += float64(b) * float64(b)
	}
	queue := make([]float32, 0, c.Queue*c.Encoder.Dim)
	for range c.Queue {
		for _, b := range bias {
			queue = append(queue, b/float32(math.Sqrt(norm)))
		}
	}
	set(t, store.RootScope(), QueueName, matrix(queue, c.Queue, c.Encoder.Dim))
	figures := runSteps(t, engines.Go(t), store, c, []float32{0.01})[0]
	if got, want := float64(figures[FigureLoss]), math.Log(float64(c.Queue+1)); math.Abs(got-want) > 1e-5 {
		t.Errorf("loss %v, want log(K+1) = %v", got, want)
	}
	if figures[FigureSpread] > 2e-3 || figures[FigurePositive] < 0.9999 {
		t.Errorf("spread %v and positive similarity %v, want 0 and 1", figures[FigureSpread], figures[FigurePositive])
	}
}

// Two runs from one state are equal bit for bit.
func TestStepIsDeterministic(t *testing.T) {
	a, _, stateA := trained(t, func(*Step) {}, 2)
	b, _, stateB := trained(t, func(*Step) {}, 2)
	for step := range a {
		if !slices.Equal(a[step], b[step]) {
			t.Errorf("step %d: figures %v, then %v", step, a[step], b[step])
		}
	}
	for path, values := range stateA {
		if !slices.Equal(values, stateB[path]) {
			t.Errorf("%s differs between two runs", path)
		}
	}
}
