package checkpoint

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mocotpu/mocotpu/xla/host/durable/durabletest"
)

func TestKeep(t *testing.T) {
	steps := []int{0, 10, 20, 30, 40, 50, 60}
	scores := Scores{0: 5, 10: 40, 30: 60, 40: 60, 60: 55}
	for _, test := range []struct {
		name   string
		keep   Keep
		scores Scores
		want   []int
	}{
		{"last", Keep{Last: 2}, scores, []int{50, 60}},
		{"the newest stays in any case", Keep{}, scores, []int{60}},
		{"more than there are", Keep{Last: 9}, scores, steps},
		{"every", Keep{Last: 1, Every: 20}, scores, []int{20, 40, 60}},
		{"every and last", Keep{Last: 2, Every: 30}, scores, []int{30, 50, 60}},
		{"the older of two equals is the best", Keep{Last: 1, Best: true}, scores, []int{30, 60}},
		{"the best is the newest", Keep{Last: 1, Best: true}, Scores{60: 1, 10: 0.5}, []int{60}},
		{"a score that is no number", Keep{Last: 1, Best: true}, Scores{10: math.NaN(), 20: 1}, []int{20, 60}},
		{"no score, no best", Keep{Last: 1, Best: true}, nil, []int{60}},
		{"all", Keep{Last: 1, Every: 50, Best: true}, scores, []int{30, 50, 60}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, step := range steps {
				if err := Save(durabletest.Good(), dir, sampleFiles(step), sampleState(step), test.keep, test.scores); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := Steps(dir); err != nil || !slices.Equal(got, test.want) {
				t.Errorf("kept %v, error %v, want %v", got, err, test.want)
			}
		})
	}
}

// TestPrunes: later steps and temporary directories go, other files stay.
func TestPrunes(t *testing.T) {
	dir := t.TempDir()
	mustSave(t, dir, 9999999, 10000000)
	if err := os.WriteFile(filepath.Join(dir, lastFile), []byte("step-9999999\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"step-0000007.tmp", "notes", "step-7"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mustSave(t, dir, 10, 20, 30)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := []string{"LAST", "notes", "step-0000020", "step-0000030", "step-7"}
	if !slices.Equal(names, want) {
		t.Errorf("left %v, want %v", names, want)
	}
}
