package judge

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Exactly so many of each class are drawn, the same for a seed and others for another, those of fewer labels among those of
// more; a class that has too few is named.
func TestPerClass(t *testing.T) {
	var labels []int32
	for label, n := range []int{300, 100, 30} {
		labels = append(labels, slices.Repeat([]int32{int32(label)}, n)...)
	}
	labels = append(labels, -1, -1) // without a class
	classes := []string{"a", "b", "c"}
	var smaller []int
	for _, n := range []int{1, 7, 30} {
		rows, err := perClass(labels, classes, n, 5)
		if err != nil {
			t.Fatal(err)
		}
		var got [3]int
		for _, row := range rows {
			got[labels[row]]++
		}
		if got != [3]int{n, n, n} || !slices.IsSorted(rows) || len(slices.Compact(slices.Clone(rows))) != 3*n {
			t.Errorf("%d a class: %v of each (%v), each once", n, got, rows)
		}
		for _, row := range smaller {
			if !slices.Contains(rows, row) {
				t.Errorf("%d a class lack row %d of fewer", n, row)
			}
		}
		smaller = rows
	}
	one, _ := perClass(labels, classes, 7, 5)
	again, _ := perClass(labels, classes, 7, 5)
	other, _ := perClass(labels, classes, 7, 6)
	if !slices.Equal(one, again) || slices.Equal(one, other) {
		t.Error("want the same rows for the same seed, and others for another")
	}
	for n, want := range map[int]string{31: `class "c" has 30 training images`, 1000: `class "a" has 300`} {
		if _, err := perClass(labels, classes, n, 5); !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d a class: error %v, want %q", n, err, want)
		}
	}
}

// The interval of three draws is Student's: 4.302653 standard errors.
func TestFewLabelsInterval(t *testing.T) {
	f := FewLabels{Draws: []Draw{{0, 40}, {1, 44}, {2, 42}}}
	f.summarise()
	half := 4.302652729911275 * 2 / math.Sqrt(3)
	if f.Mean != 42 || math.Abs(f.Low-42+half) > 1e-6 || math.Abs(f.High-42-half) > 1e-6 {
		t.Errorf("%+v, want 42 and %.4f to each side", f, half)
	}
	f = FewLabels{Draws: []Draw{{0, 100}, {1, 99}}}
	if f.summarise(); f.High != 100 || f.Low >= 99 {
		t.Errorf("%+v, want at most 100 %%", f)
	}
}

// Every subject learns from as many labels in as many draws, the same twice over; a class
// that lacks images is refused before anything is computed.
func TestEvaluateFewLabels(t *testing.T) {
	m, w := engines.Mesh(t, engines.Go(t), 1), fileWeights()
	train, test := glyphs(t, "train", 62*4), glyphs(t, "test", 62)
	o := quick()
	o.Protocols, o.Baselines, o.PerClass, o.Draws = []string{"linear-fast"}, []string{"untrained"}, []int{1, 3}, 2
	said := &notes{}
	r, err := Evaluate(t.Context(), m, w, train, test, o, said)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Evaluate(t.Context(), m, w, train, test, o, nil)
	if err != nil || len(r.FewLabels) != 4 {
		t.Fatalf("%d rows, %v, want 2 subjects of 2 counts", len(r.FewLabels), err)
	}
	for i, f := range r.FewLabels {
		n := o.PerClass[i%2]
		if f.Subject != []string{"untrained", "encoder"}[i/2] || f.PerClass != n || f.Images != 62*n || len(f.Draws) != 2 || f.Draws[1].Seed != o.Seed+1 ||
			!(f.Low <= f.Mean && f.Mean <= f.High) || f.LR != fewLR {
			t.Errorf("row %d: %+v", i, f)
		}
		if !slices.Equal(f.Draws, again.FewLabels[i].Draws) {
			t.Errorf("row %d: %v, and again %v", i, f.Draws, again.FewLabels[i].Draws)
		}
	}
	if !slices.Contains(said.stages, "untrained: linear-fast on 3 labels a class, draw 2 of 2") {
		t.Errorf("stages %q", said.stages)
	}

	o.Protocols, o.Baselines, o.PerClass, o.Epochs = []string{"finetune"}, nil, []int{1}, 1
	if r, err = Evaluate(t.Context(), m, w, train, test, o, nil); err != nil || len(r.FewLabels) != 1 || len(r.Rows) != 0 || r.FewLabels[0].Images != 62 {
		t.Errorf("finetuning: %+v, %v, want the encoder by one label a class alone", r.FewLabels, err)
	}
	o.PerClass = []int{1, 100}
	said = &notes{}
	if _, err := Evaluate(t.Context(), m, w, train, test, o, said); !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), "want at most as many") || len(said.stages) > 0 {
		t.Errorf("more than there are: error %v after %q", err, said.stages)
	}
	for _, change := range []func(*Options){
		func(o *Options) { o.PerClass = []int{3, 1} },
		func(o *Options) { o.PerClass = []int{0} },
		func(o *Options) { o.Draws = 1 },
		func(o *Options) { o.Protocols = []string{"knn"} },
	} {
		bad := o
		change(&bad)
		if err := bad.Validate(w, nil); !errors.Is(err, settings.ErrInvalid) {
			t.Errorf("%v in %d draws by %v: error %v", bad.PerClass, bad.Draws, bad.Protocols, err)
		}
	}
}
