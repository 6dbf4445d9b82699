package judge

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/internal/engines"
)

// clouds draws n rows around one center for each class; the first dimension is far from zero and tells nothing.
func clouds(seed uint64, n, dim, classes int, noise float64) Labelled {
	centers := rand.New(rand.NewPCG(1, 1))
	center := make([]float64, classes*dim)
	for i := range center {
		center[i] = centers.NormFloat64()
	}
	r := rand.New(rand.NewPCG(seed, 2))
	set := Labelled{Features: encoder.Features{Dim: dim}}
	for range n {
		label := r.IntN(classes)
		set.Labels = append(set.Labels, int32(label))
		set.Data = append(set.Data, 1000)
		for d := 1; d < dim; d++ {
			set.Data = append(set.Data, float32(center[label*dim+d]+noise*r.NormFloat64()))
		}
	}
	return set
}

func smallSweep() SweepOptions {
	o := FastProbe()
	o.LRs, o.Epochs, o.Batch = []float64{1e-4, 0.1, 1e39}, 10, 64
	return o
}

func TestSweep(t *testing.T) {
	m := engines.Mesh(t, engines.Go(t), 1)
	train, test := clouds(1, 500, 8, 5, 0.8), clouds(2, 300, 8, 5, 0.8)
	var told []int
	got, err := Sweep(t.Context(), m, train, test, 5, smallSweep(), func(done, total int) { told = append(told, done, total) })
	if err != nil {
		t.Fatal(err)
	}
	// The middle rate learns; the lowest has hardly moved, and the highest, infinite in float32, has thrown its own classifier out, alone.
	if got.LR != 0.1 || got.Held[1] < 80 || got.Held[0] >= got.Held[1] || got.Held[2] > 40 {
		t.Errorf("rate %g of held-out accuracies %v, want 0.1, and the best", got.LR, got.Held)
	}
	if got.N != 300 || got.Top1() < 80 || got.Top5() != 100 {
		t.Errorf("%v, want most of 300", got.Tally)
	}
	if n := len(got.Losses); n != 10 || got.Losses[n-1] > got.Losses[0]/2 || got.Losses[0] > math.Log(5) {
		t.Errorf("losses %v, want 10 that fall from below log 5", got.Losses)
	}
	if len(told) != 40 || told[38] != 20 || told[39] != 20 {
		t.Errorf("progress %v, want 20 of 20 at the end", told)
	}
	// The test rows choose nothing: wrong labels change the counts alone.
	wrong := test
	wrong.Labels = slices.Clone(test.Labels)
	for i := range wrong.Labels {
		wrong.Labels[i] = (wrong.Labels[i] + 1) % 5
	}
	again, err := Sweep(t.Context(), m, train, wrong, 5, smallSweep(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if again.LR != got.LR || !reflect.DeepEqual(again.Losses, got.Losses) || !reflect.DeepEqual(again.Held, got.Held) {
		t.Error("the test labels changed the training")
	}
	if again.Correct >= got.N-got.Correct+1 {
		t.Errorf("%d correct by wrong labels, %d by the right ones", again.Correct, got.Correct)
	}
}

// Standardising is what lets a far-away dimension not drown the others.
func TestStandardizing(t *testing.T) {
	m := engines.Mesh(t, engines.Go(t), 1)
	train, test := clouds(1, 300, 8, 5, 0.5), clouds(2, 300, 8, 5, 0.5)
	o := smallSweep()
	with, err := Sweep(t.Context(), m, train, test, 5, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Standardize = false
	without, err := Sweep(t.Context(), m, train, test, 5, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if with.Top1() < without.Top1()+10 {
		t.Errorf("%v standardised, %v not", with.Tally, without.Tally)
	}
	a, b := standardized(
		encoder.Features{Dim: 2, Data: []float32{1, 7, 3, 7}}, encoder.Features{Dim: 2, Data: []float32{4, 8}})
	if !slices.Equal(a.Data, []float32{-1, 0, 1, 0}) || !slices.Equal(b.Data, []float32{2, 0}) {
		t.Errorf("standardised %v and %v, want -1 0 1 0 and 2 0", a.Data, b.Data)
	}
}

func TestSweepErrors(t *testing.T) {
	m := engines.Mesh(t, engines.Go(t), 1)
	good := clouds(1, 20, 4, 3, 1)
	spoiled := clouds(1, 20, 4, 3, 1)
	spoiled.Data[5] = float32(math.NaN())
	with := func(change func(*SweepOptions)) SweepOptions {
		o := smallSweep()
		change(&o)
		return o
	}
	for _, test := range []struct {
		name        string
		train, test Labelled
		classes     int
		options     SweepOptions
		want        string
	}{
		{"no rates", good, good, 3, with(func(o *SweepOptions) { o.LRs = nil }), "0 learning rates"},
		{"rates not ascending", good, good, 3, with(func(o *SweepOptions) { o.LRs = []float64{1, 1} }), "ascending"},
		{"rate zero", good, good, 3, with(func(o *SweepOptions) { o.LRs = []float64{0} }), "above 0"},
		{"no epochs", good, good, 3, with(func(o *SweepOptions) { o.Epochs = 0 }), "0 epochs"},
		{"no batch", good, good, 3, with(func(o *SweepOptions) { o.Batch = 0 }), "batch 0"},
		{"one row", clouds(1, 1, 4, 3, 1), good, 3, smallSweep(), "1 training rows"},
		{"other width", good, clouds(1, 20, 5, 3, 1), 3, smallSweep(), "training rows of 4 and test rows of 5"},
		{"label beyond the classes", good, good, 2, smallSweep(), "label 2"},
		{"NaN", good, spoiled, 3, smallSweep(), "test rows: row 1: feature is not finite"},
		{"every rate too high", good, good, 3, with(func(o *SweepOptions) { o.LRs = []float64{1e39} }), "want a lower one"},
	} {
		_, err := Sweep(t.Context(), m, test.train, test.test, test.classes, test.options, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Sweep(ctx, m, good, good, 3, smallSweep(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}
