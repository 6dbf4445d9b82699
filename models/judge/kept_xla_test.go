//go:build cgo

package judge

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestSweepTwice: where programs are kept, the classifiers of the second subject are compiled no more: their programs
// are those of the first, with the same numbers.
func TestSweepTwice(t *testing.T) {
	xlatest.CPU(t, 1)
	store := &programs.Store{Dir: filepath.Join(t.TempDir(), "programs"), Told: func(err error) { t.Error(err) }}
	e := must.M1(xla.Open("cpu", xla.Options{Programs: store}))
	defer e.Close()
	m := engines.Mesh(t, e, 1)
	train, test := clouds(1, 200, 8, 5, 0.8), clouds(2, 100, 8, 5, 0.8)
	sweep := func() SweepResult {
		return must.M1(Sweep(t.Context(), m, train, test, 5, smallSweep(), nil))
	}
	first := sweep()
	if e.Compiled() != 4 || e.Loaded() != 0 {
		t.Errorf("the first sweep compiled %d programs and loaded %d, want the steps and the logits of all rates and of the best", e.Compiled(), e.Loaded())
	}
	if second := sweep(); !reflect.DeepEqual(first, second) || e.Compiled() != 4 || e.Loaded() != 4 {
		t.Errorf("with the second %d are compiled and %d loaded, want 4 and 4; %+v, then %+v", e.Compiled(), e.Loaded(), first, second)
	}
}
