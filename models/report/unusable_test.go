package report

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Settings that no run can have are refused before an encoder is looked through, and curves are shown without; where a run is not
// evaluated, its numbers of neighbours may be any.
func TestPageOfUnusableSettings(t *testing.T) {
	b := engines.Go(t)
	dir := filepath.Join(t.TempDir(), "run")
	tinyRun(t, b, dir, func(*run.Config) {})
	name := filepath.Join(dir, run.ConfigFile)
	for field, change := range map[string]func(*run.Config){
		"":                  func(c *run.Config) { c.KNN.Every, c.KNN.Ks, c.KNN.Temperature = 0, []int{}, -1 },
		"knn.ks":            func(c *run.Config) { c.KNN.Ks = []int{} },
		"knn.temperature":   func(c *run.Config) { c.KNN.Temperature = -1 },
		"data.train_images": func(c *run.Config) { c.Data.TrainImages = -1 },
		"views.image_size":  func(c *run.Config) { c.Views.ImageSize = -1 },
	} {
		good := must.M1(os.ReadFile(name))
		record := must.M1(run.ReadRecord(dir))
		change(&record.Config)
		must.M(os.WriteFile(name, must.M1(record.Encode()), 0o644))
		if err := Write(t.Context(), io.Discard, []string{dir}, Options{}); err != nil {
			t.Errorf("%q: error %v for the curves alone, want none", field, err)
		}
		err := Write(t.Context(), io.Discard, []string{dir}, Options{Backend: b})
		if field == "" && err != nil || field != "" && (!errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), field)) {
			t.Errorf("%q: error %v, want the field named by settings.ErrInvalid", field, err)
		}
		must.M(os.WriteFile(name, good, 0o644))
	}
}
