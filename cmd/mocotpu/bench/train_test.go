package bench

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// Train times feed, step and both, on drawn characters and on a folder, and says which limits.
func TestTrain(t *testing.T) {
	folder := t.TempDir()
	must.M(specimen.Folder(t.Context(), filepath.Join(folder, "train"), specimen.Options{Images: 60, Classes: 2, Width: 40, Height: 30}))
	for name, change := range map[string]func(*run.Config){
		"glyphs": func(*run.Config) {},
		"folder": func(c *run.Config) {
			c.Data = run.MoCoV1().Data
			must.M(c.Views.Choose("v1"))
			c.Data.Dir, c.Data.Canvas = folder, 20
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := tiny("go")
			change(&c)
			r := must.M1(Train(t.Context(), c, testOptions(t)))
			if len(r.Rows) != 3 {
				t.Fatalf("%d rows, want feed, step and both", len(r.Rows))
			}
			for i, want := range []string{"Feed", "Step", "Train"} {
				if row := r.Rows[i]; row.Name != want || row.Iterations != 2 || len(row.Samples) != 1 || row.rate() <= 0 {
					t.Errorf("row %+v lacks figures", row)
				}
			}
			limit := "the step limits"
			if r.Rows[0].rate() < r.Rows[1].rate() {
				limit = "the data limits"
			}
			if len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0], limit) {
				t.Errorf("notes %q, want that %s", r.Notes, limit)
			}
		})
	}
}

// A step's time is what its devices execute, what it waits, and the host's rest; each step is one execution, whose arguments
// are counted over the devices. Batches of 16 images have 32x32x3 bytes each, and two views' parameters.
func TestTrainHost(t *testing.T) {
	xlatest.CPU(t, 2) // skips where there is no plugin
	c := tiny("cpu")
	c.Engine.Devices = 2
	r := must.M1(Train(t.Context(), c, testOptions(t)))
	both := r.Rows[2]
	v := both.Values
	if sum := v[executingUnit] + v[waitUnit] + v[hostUnit]; v[executingUnit] <= 0 || v[hostUnit] <= 0 || math.Abs(sum-both.ns()) > 1e-6*both.ns() {
		t.Errorf("a step of %v ns: %v, want parts that add up", both.ns(), v)
	}
	// The state has 164 tensors; images, two views' parameters and the rate come with them.
	if want := 2.0 * (164 + 4); v[buffersUnit] != want || v[cgoUnit] < want {
		t.Errorf("%v buffers and %v calls into C, want %v and more", v[buffersUnit], v[cgoUnit], want)
	}
	if least := 16. * 32 * 32 * 3; v[inputUnit] <= least || v[inputUnit] > least+16*2*4*100 {
		t.Errorf("%v bytes of inputs, want the images' %v and those of the views' parameters", v[inputUnit], least)
	}
	if len(r.Notes) != 2 || !strings.Contains(r.Notes[0], "the host between executions") {
		t.Errorf("notes %q", r.Notes)
	}
}
