package train

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/models/run"
)

// imageNet draws a folder in ImageNet's layout, and says what of it cannot be decoded.
func imageNet(t testing.TB, train, val int) string {
	t.Helper()
	dir := t.TempDir()
	o := specimen.Options{Images: train, Classes: 4, Width: 50, Height: 36, Odd: true}
	must.M(specimen.Folder(t.Context(), filepath.Join(dir, "train"), o))
	o.Images, o.Seed = val, 1
	if val > 0 {
		must.M(specimen.Folder(t.Context(), filepath.Join(dir, "val"), o))
	}
	return dir
}

// packAll packs both splits as `mocotpu data pack` does.
func packAll(t testing.TB, dir string, canvas int) string {
	t.Helper()
	out := t.TempDir()
	for split, name := range map[string]string{"train": "train", "test": "val"} {
		list, err := files.Open(dir, split, files.Options{})
		if err != nil {
			continue
		}
		must.M1(packed.Pack(t.Context(), list, filepath.Join(out, name), packed.Options{Canvas: canvas}))
		must.M(list.Close())
	}
	return out
}

// tinyFolder is tiny on a folder of images.
func tinyFolder(t *testing.T, dir string) run.Config {
	c := tiny(t.TempDir())
	c.Data = dataset.Config{Kind: "folder", Dir: dir, Canvas: 20}
	c.KNN.BankImages = 50
	c.Run.Epochs = 1
	return c
}

// TestTrainFromFolders has a run from image files and one from the packed set give the same numbers, bit for bit.
func TestTrainFromFolders(t *testing.T) {
	dir := imageNet(t, 120, 40)
	results := map[string][]any{}
	for name, at := range map[string]string{"streamed": dir, "packed": packAll(t, dir, 20)} {
		c := tinyFolder(t, at)
		var r recorder
		if _, err := Train(t.Context(), c, goMachine(t), &r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows, knn := timeless(r.rows, r.knn)
		if len(rows) != 4 || len(knn) != 2 || knn[1].Bank != 50 || knn[1].Queries != 40 {
			t.Errorf("%s: rows %v, evaluations %v, want 4 rows of 7 steps and two looks at 40 images and a bank of 50", name, rows, knn)
		}
		results[name] = []any{rows, knn}
	}
	if !reflect.DeepEqual(results["streamed"], results["packed"]) {
		t.Errorf("streamed and packed images train differently:\n%v\n%v", results["streamed"], results["packed"])
	}
}

// TestTrainNamesBrokenImages cuts one image of 120 short: skipped, told once, named in a file.
func TestTrainNamesBrokenImages(t *testing.T) {
	dir := imageNet(t, 120, 0)
	broken := filepath.Join(dir, "train", "class_00", "img_000004.JPEG")
	must.M(os.Truncate(broken, 300))
	c := tinyFolder(t, dir)
	c.Run.Epochs = 3
	var r recorder
	if _, err := Train(t.Context(), c, goMachine(t), &r); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(r.notes, "\n")
	for _, want := range []string{"no held-out images", "class_00/img_000004.JPEG: picture: "} {
		if strings.Count(text, want) != 1 {
			t.Errorf("notes\n%s\nwant %q once", text, want)
		}
	}
	if strings.Contains(text, data.ErrMissing.Error()) {
		t.Errorf("notes\n%s\nwant no error in them: held-out images may be missing", text)
	}
	named := string(must.M1(os.ReadFile(filepath.Join(c.Run.Dir, run.BrokenFile))))
	if !strings.HasPrefix(named, "class_00/img_000004.JPEG: ") || strings.Count(named, "\n") != 1 {
		t.Errorf("%s holds %q, want the image and the problem, once", run.BrokenFile, named)
	}

	must.M(os.Truncate(filepath.Join(dir, "train", "class_01", "img_000001.JPEG"), 300))
	c.Run.Dir = t.TempDir()
	_, err := Train(t.Context(), c, goMachine(t), &recorder{})
	if !errors.Is(err, data.ErrCorrupt) || !strings.Contains(err.Error(), "2 of 120 images are broken") {
		t.Errorf("error %v, want the run stopped by two broken images of 120", err)
	}
}

func TestFoldersThatDoNotFitTheConfiguration(t *testing.T) {
	dir := imageNet(t, 24, 8)
	set := packAll(t, dir, 20)
	for name, test := range map[string]struct {
		change func(*run.Config)
		want   string
	}{
		"canvas":      {func(c *run.Config) { c.Data.Dir, c.Data.Canvas = set, 24 }, "set --canvas=20"},
		"small":       {func(c *run.Config) { c.MoCo.Batch, c.MoCo.Queue = 32, 64 }, "moco.batch is 32, want at most the 24 training images"},
		"not there":   {func(c *run.Config) { c.Data.Dir = "nowhere" }, "nowhere: no such folder"},
		"no images":   {func(c *run.Config) { c.Data.Dir = t.TempDir() }, "no images"},
		"val differs": {func(c *run.Config) { c.Data.Dir = other(t, dir) }, "that are not in train"},
	} {
		t.Run(name, func(t *testing.T) {
			c := tinyFolder(t, dir)
			c.Run.Dir = filepath.Join(t.TempDir(), "run")
			test.change(&c)
			_, err := Train(t.Context(), c, goMachine(t), &recorder{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that says %q", err, test.want)
			}
			if _, err := os.Stat(c.Run.Dir); !os.IsNotExist(err) {
				t.Errorf("the run directory exists (%v), want nothing written", err)
			}
		})
	}
	c := tinyFolder(t, dir)
	if notes := c.Warnings(24); !strings.Contains(strings.Join(notes, "\n"), "queue longer than the data set: 40 keys for 24 images") {
		t.Errorf("warnings %q, want the long queue", notes)
	}
}

// other is the folder with a class in val that train does not have.
func other(t *testing.T, dir string) string {
	t.Helper()
	out := t.TempDir()
	must.M(os.CopyFS(out, os.DirFS(dir)))
	must.M(os.Rename(filepath.Join(out, "val", "class_00"), filepath.Join(out, "val", "class_99")))
	return out
}

// TestOpenFolders reads whole splits, as evaluations do.
func TestOpenFolders(t *testing.T) {
	dir := imageNet(t, 24, 8)
	streamed := must.M1(dataset.Config{Kind: "folder", Dir: dir, Canvas: 20}.Open("test"))
	mapped := must.M1(dataset.Config{Kind: "folder", Dir: packAll(t, dir, 20)}.Open("test"))
	if streamed.N != 8 || streamed.Checksum() != mapped.Checksum() {
		t.Errorf("%d images decoded with checksum %s, %d mapped with %s, want the same 8",
			streamed.N, streamed.Checksum(), mapped.N, mapped.Checksum())
	}
	some := must.M1(dataset.Config{Kind: "folder", Dir: dir, Canvas: 20, TestImages: 4}.Open("test"))
	if some.N != 4 || !reflect.DeepEqual(some.Labels, []int32{0, 1, 2, 3}) {
		t.Errorf("%d images of classes %v, want 4 of all classes", some.N, some.Labels)
	}
}
