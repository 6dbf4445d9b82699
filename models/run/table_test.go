package run

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"
)

// TestWriteTable: a line for each run; a name with an escape is quoted, a number that is not there is a dash, and only
// what differs is named.
func TestWriteTable(t *testing.T) {
	a, b := Glyphs(), Glyphs()
	b.MoCo.Temperature, b.Views.Augment.Flip = 0.25, 0.5
	nan := Float(math.NaN())
	var out bytes.Buffer
	err := WriteTable(&out, []Summary{
		{
			Dir: "runs/a", State: StateFinished, Step: 744, Epoch: 8, Epochs: 8, Loss: 5.43219, BestKNN: 53, ImagesPerSecond: 1240.4, Config: a,
			LabelFree: &LabelFree{Backbone: Geometry{Rank: 41.26, Retrieval: 88}},
		},
		{Dir: "runs/\x1b[31mb", State: StateStopped, Loss: nan, BestKNN: nan, ImagesPerSecond: nan, Steps: 10, Config: b},
		{Dir: "runs/c", State: StateUnreadable, Problem: "unexpected \x1b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for i, want := range []string{
		"run state step epoch loss best kNN rank retrieval img/s differs",
		"runs/a finished 744 8 of 8 5.4322 53.0 41.3 88.0 1240 moco.temperature=0.1 views.augment.flip=0",
		`"runs/\x1b[31mb" stopped 0 0 - - - - - moco.temperature=0.25 views.augment.flip=0.5`,
		`"runs/c" unreadable "unexpected \x1b"`,
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("line %d: %q, want %q", i, got, want)
		}
	}
}

// Numbers are as they were given, and what is not set is a dash.
func TestDifferingValues(t *testing.T) {
	a, b := Glyphs(), Glyphs()
	b.Data.TrainImages, b.Data.Window = 12_000_000, "5,9"
	differing, err := Differing([]Config{a, b})
	if want := []Setting{{"data.train_images", []string{"12000", "12000000"}}, {"data.window", []string{"-", "5,9"}}}; err != nil || !reflect.DeepEqual(differing, want) {
		t.Errorf("%v, %v, want %v", differing, err, want)
	}
}

// A line has room for eight settings, and says how many more there are.
func TestManyDiffer(t *testing.T) {
	var out bytes.Buffer
	if err := WriteTable(&out, []Summary{{Dir: "a", Config: Glyphs()}, {Dir: "b", Config: MoCoV2()}}); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n")[1:] {
		if n := strings.Count(line, "="); n != mostDiffering || !strings.Contains(line, " more, see --json") {
			t.Errorf("%d settings in %q, want %d and how many more", n, line, mostDiffering)
		}
	}
}
