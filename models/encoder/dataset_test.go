package encoder

import (
	"errors"
	"testing"

	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// An encoder is shown what it was trained on, unless another set is named; what a file says of its data is no path.
func TestDataSet(t *testing.T) {
	photos := t.TempDir()
	ofRun := func(d dataset.Config) *Weights { return &Weights{Path: "run", Run: &run.Config{Data: d}} }
	ofFile := func(data string) *Weights {
		return &Weights{Path: "file", Manifest: Manifest{Source: Source{Data: data}}}
	}
	own := dataset.Config{Kind: "folder", Dir: "own", Canvas: 64, Unlabeled: true}
	for name, c := range map[string]struct {
		weights   *Weights
		data, dir string
		want      dataset.Config
		err       error
	}{
		"a run's own":                     {ofRun(own), "", "", own, nil},
		"another folder, which may label": {ofRun(own), photos, "", dataset.Config{Kind: "folder", Dir: photos, Canvas: 64}, nil},
		"a run's, moved":                  {ofRun(own), "", photos, dataset.Config{Kind: "folder", Dir: photos, Canvas: 64, Unlabeled: true}, nil},
		"another set for a run":           {ofRun(own), "mnist", "", dataset.Config{Kind: "mnist"}, nil},
		"a file's":                        {ofFile("emnist/letters"), "", "", dataset.Config{Kind: "emnist", Split: "letters"}, nil},
		"another set for a file":          {ofFile("cifar10"), "mnist", "", dataset.Config{Kind: "mnist"}, nil},
		"a folder for a file":             {ofFile("glyphs"), photos, "", dataset.Config{Kind: "folder", Dir: photos, Canvas: 256}, nil},
		"a folder for an unknown file":    {ofFile(""), photos, "", dataset.Config{Kind: "folder", Dir: photos, Canvas: 256}, nil},
		"unknown":                         {ofFile(""), "", "", dataset.Config{}, settings.ErrInvalid},
		"a path in a file":                {ofFile(photos), "", "", dataset.Config{}, settings.ErrInvalid},
		"a folder that nobody named":      {ofFile("folder"), "", "", dataset.Config{}, settings.ErrInvalid},
		"no such folder":                  {ofFile("glyphs"), photos + "/nowhere", "", dataset.Config{}, settings.ErrInvalid},
	} {
		got, err := c.weights.DataSet(c.data, c.dir)
		if !errors.Is(err, c.err) || err == nil && got != c.want {
			t.Errorf("%s: %+v, error %v, want %+v, %v", name, got, err, c.want, c.err)
		}
	}
}
