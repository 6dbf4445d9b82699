package bench

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// On several of XLA's devices the step runs split, and the engine reports the memory that it takes.
func TestStepOnDevices(t *testing.T) {
	xlatest.CPU(t, 1) // skips where there is no plugin
	o := testOptions(t)
	o.Counts = []int{2, 1}
	r := must.M1(Step(t.Context(), tiny("cpu"), o))
	var got []string
	for _, row := range r.Rows {
		got = append(got, r.fullName(row))
		if len(row.Samples) != 2 || len(row.Losses) != 3 || row.Iterations != 1 || row.Images != 16 || row.Values[deviceUnit] <= 0 || row.Values[compileUnit] <= 0 {
			t.Errorf("row %+v lacks figures", row)
		}
	}
	const step = "BenchmarkStep/arch=resnet10/batch=16/views="
	want := []string{
		step + "glyphs/precision=float32/replicas=2", step + "plain/precision=float32/replicas=2", step + "glyphs/precision=float32/replicas=1",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("rows %v, want %v", got, want)
	}
	first, last := r.Rows[0], r.Rows[2]
	if first.Values[overheadUnit] != 1 || last.Values[overheadUnit] != last.ns()/first.ns() || r.Rows[1].Values[overheadUnit] != 0 {
		t.Errorf("overheads %v, %v and %v, want those of the preset's views over the first's", first.Values, last.Values, r.Rows[1].Values)
	}
	if r.Versions["engine"] != "cpu" || r.Versions["plugin"] == "" || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "views glyphs in the step: ") {
		t.Errorf("versions %v, notes %q", r.Versions, r.Notes)
	}
}

// A step in micro-batches is timed beside the whole batch at once.
func TestStepInMicroBatches(t *testing.T) {
	c := tiny("go")
	c.MoCo.Micro = 2
	r := must.M1(Step(t.Context(), c, testOptions(t)))
	const step = "BenchmarkStep/arch=resnet10/batch=16/views="
	var got []string
	for _, row := range r.Rows {
		got = append(got, r.fullName(row))
	}
	want := []string{
		step + "glyphs/precision=float32/micro=2/replicas=1", step + "plain/precision=float32/micro=2/replicas=1", step + "glyphs/precision=float32/replicas=1",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("rows %v, want %v", got, want)
	}
	note := fmt.Sprintf("in 2 micro-batches: %.2f times the step of the whole batch at once, on 1 device(s)", r.Rows[0].ns()/r.Rows[2].ns())
	if r.Notes[0] != note || len(r.Rows[2].Losses) != 3 || math.Abs(r.Rows[0].Losses[2]-r.Rows[2].Losses[2]) > 1e-3 {
		t.Errorf("notes %q, want %q first; losses %v and %v", r.Notes, note, r.Rows[0].Losses, r.Rows[2].Losses)
	}
}

// What cannot be timed is refused before an engine is opened.
func TestRefused(t *testing.T) {
	engines := Engines{} // opening one is a fault
	for name, measure := range map[string]func(c run.Config, o Options) error{
		"is 0, want at least 1": func(c run.Config, o Options) error { o.Repeat = 0; _, err := Step(t.Context(), c, o); return err },
		"bench.repeat is 0":     func(c run.Config, o Options) error { o.Repeat = 0; _, err := Train(t.Context(), c, o); return err },
		"bench.limit is 0s":     func(c run.Config, o Options) error { _, err := Peers(t.Context(), c, o); return err },
		"bench.counts has 0":    counting(t, 0),
		"has 2, want numbers of devices above 0, each once": counting(t, 2, 2),
		"on 3 devices: engine.devices is 3":                 counting(t, 1, 3),
		"moco.batch is 16, want at most the 10 training image": func(c run.Config, o Options) error {
			c.Data.TrainImages = 10
			_, err := Train(t.Context(), c, o)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			o.Engines = engines
			if err := measure(tiny("cpu"), o); !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v, want a settings.ErrInvalid", err)
			}
		})
	}
	if _, err := Data(t.Context(), DataOptions{Canvas: 1, Workers: 1, Images: 3, Batch: 2, Limit: 1}); !errors.Is(err, settings.ErrInvalid) {
		t.Errorf("error %v, want a settings.ErrInvalid", err)
	}
}

func counting(t *testing.T, counts ...int) func(c run.Config, o Options) error {
	return func(c run.Config, o Options) error {
		o.Counts = counts
		_, err := Step(t.Context(), c, o)
		return err
	}
}

// The default counts are those the groups and the engine allow; the configuration's devices choose one.
func TestSettle(t *testing.T) {
	for _, test := range []struct {
		backend                string
		groups, devices, micro int
		want                   string
	}{
		{"cpu", 8, 0, 0, "[1 8]"},
		{"cpu", 32, 0, 0, "[1 8]"},
		{"cpu", 6, 0, 0, "[1 6]"},
		{"cpu", 1, 0, 0, "[1]"},
		{"cpu", 8, 4, 0, "[4]"},
		{"cpu", 8, 0, 2, "[1 4]"},
		{"cpu", 8, 0, 8, "[1]"},
		{"go", 8, 0, 0, "[1]"},
		{"auto", 8, 0, 0, "[1 4]"},
	} {
		c := run.Glyphs()
		c.MoCo.Micro = test.micro
		c.MoCo.Batch, c.MoCo.Groups = 1152, test.groups
		c.Engine.Backend, c.Engine.Devices = test.backend, test.devices
		_, counts, err := settle(c, nil, func(run.Config) (engineInfo, error) { return engineInfo{"cuda", "", 4}, nil })
		if got := fmt.Sprint(counts); err != nil || got != test.want {
			t.Errorf("%s, %d groups, %d devices: counts %s (%v), want %s", test.backend, test.groups, test.devices, got, err, test.want)
		}
	}
}
