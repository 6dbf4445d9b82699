package dataset

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// What --data and --data-dir name, beside what was there before.
func TestWith(t *testing.T) {
	dir := t.TempDir()
	photos, mnist, set := filepath.Join(dir, "photos"), filepath.Join(dir, "mnist"), filepath.Join(dir, "set")
	must.M(specimen.Folder(t.Context(), photos, specimen.Options{Images: 8, Classes: 2, Width: 20, Height: 20}))
	must.M(os.Mkdir(mnist, 0o755))
	must.M(os.WriteFile(filepath.Join(mnist, "t10k-images-idx3-ubyte"), nil, 0o644))
	must.M1(packed.Pack(t.Context(), must.M1(files.Open(photos, "train", files.Options{})), set, packed.Options{Canvas: 24}))
	nowhere := filepath.Join(dir, "nowhere")

	glyphs := Config{Kind: "glyphs", Seed: 3, TrainImages: 64}
	digits := Config{Kind: "mnist", TrainImages: 64}
	folder := Config{Kind: "folder", Dir: "old", Canvas: 128, TrainImages: 64}
	for _, c := range []struct {
		name      string
		from      Config
		data, dir string
		want      Config
		err       string
	}{
		{"nothing", folder, "", "", folder, ""},
		{"the same set", glyphs, "glyphs", "", glyphs, ""},
		{"another set", glyphs, "cifar10", "", Config{Kind: "cifar10", Seed: 3}, ""},
		{"another set, elsewhere", glyphs, "cifar10", "files", Config{Kind: "cifar10", Dir: "files", Seed: 3}, ""},
		{"emnist", glyphs, "emnist", "", Config{Kind: "emnist", Split: "byclass", Seed: 3}, ""},
		{"emnist's letters", Config{}, "emnist/letters", "", Config{Kind: "emnist", Split: "letters"}, ""},
		{"images, for drawn characters", glyphs, photos, "", Config{Kind: "folder", Dir: photos, Canvas: 256, Seed: 3}, ""},
		{"images, for an unknown set", Config{}, photos, "", Config{Kind: "folder", Dir: photos, Canvas: 256}, ""},
		{"images, for a set with files", digits, photos, "", Config{Kind: "folder", Dir: photos, Canvas: 256}, ""},
		{"images, for other images", folder, photos, "", Config{Kind: "folder", Dir: photos, Canvas: 128, TrainImages: 64}, ""},
		{"images, in words", glyphs, "folder", photos, Config{Kind: "folder", Dir: photos, Canvas: 256, Seed: 3}, ""},
		{"packed images", folder, set, "", Config{Kind: "folder", Dir: set, Canvas: 24, TrainImages: 64}, ""},
		{"the set's files, elsewhere", digits, mnist, "", Config{Kind: "mnist", Dir: mnist, TrainImages: 64}, ""},
		{"the set's files, in words", digits, "", mnist, Config{Kind: "mnist", Dir: mnist, TrainImages: 64}, ""},
		{"the set's files, not there", digits, nowhere, "", Config{Kind: "mnist", Dir: nowhere, TrainImages: 64}, ""},
		{"no such folder", glyphs, nowhere, "", Config{}, "neither a data set (glyphs, mnist"},
		{"no such folder, for an unknown set", Config{}, nowhere, "", Config{}, "neither a data set"},
		{"a folder below one with a set's name", glyphs, "mnist/photos", "", Config{}, "neither a data set"},
		{"two folders", folder, photos, "b", Config{}, "want one folder"},
	} {
		got, err := c.from.With(c.data, c.dir)
		if c.err != "" {
			if !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want settings.ErrInvalid and %q", c.name, err, c.err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, error %v, want %+v", c.name, got, err, c.want)
		}
	}
}
