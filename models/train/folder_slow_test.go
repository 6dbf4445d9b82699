//go:build cgo && slow

package train

import (
	"path/filepath"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestSlowTrainsFromImageFiles takes four steps at 64 pixels from three hundred images of odd sizes and kinds, on two devices.
func TestSlowTrainsFromImageFiles(t *testing.T) { trainFromFiles(t, "resnet10", 16, 4) }

func trainFromFiles(t *testing.T, arch string, width, steps int) {
	t.Helper()
	dir := t.TempDir()
	must.M(specimen.Folder(t.Context(), filepath.Join(dir, "train"), specimen.Options{Images: 300, Classes: 10, Width: 200, Height: 150, Odd: true}))
	c := run.MoCoV2()
	c.Preset = ""
	c.Data = dataset.Config{Kind: "folder", Dir: dir, Canvas: 80}
	c.Encoder.Arch, c.Encoder.Width, c.Views.ImageSize = arch, width, 64
	c.MoCo.Batch, c.MoCo.Queue, c.MoCo.KeyMomentum = 16, 256, 0.99
	c.Run.Steps, c.Run.LogEvery, c.Run.Dir = steps, 1, t.TempDir()
	trainFromFolder(t, c, 2)
}

// TestSlowResNet18TrainsFromImageFiles is TestSlowTrainsFromImageFiles with a ResNet-18, for eight steps.
func TestSlowResNet18TrainsFromImageFiles(t *testing.T) { trainFromFiles(t, "resnet18", 64, 8) }

// TestSlowResNet50TrainsFromAPackedFolder takes five steps of ImageNet-mini's preset, batch 64 on eight devices, from
// a packed set of a thousand images of odd sizes and kinds.
func TestSlowResNet50TrainsFromAPackedFolder(t *testing.T) {
	dir := t.TempDir()
	must.M(specimen.Folder(t.Context(), filepath.Join(dir, "train"), specimen.Options{Images: 1000, Classes: 10, Width: 500, Height: 375, Odd: true}))
	c := run.ImageNetMini()
	c.Data.Dir = packAll(t, dir, c.Data.Canvas)
	c.MoCo.Batch, c.MoCo.Queue = 64, 1024
	c.Run.Steps, c.Run.LogEvery, c.Run.Dir = 5, 1, t.TempDir()
	trainFromFolder(t, c, 8)
}

// trainFromFolder trains on the CPU engine and holds that every step gave numbers and told the wait for data.
func trainFromFolder(t *testing.T, c run.Config, devices int) {
	t.Helper()
	if picture.Best() == picture.Go {
		t.Log("images are decoded by Go")
	}
	var r recorder
	_, err := Train(t.Context(), c, Machine{Backend: xlatest.CPU(t, devices), Devices: devices}, &r)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.rows) != c.Run.Steps {
		t.Fatalf("%d rows, want one for each of %d steps", len(r.rows), c.Run.Steps)
	}
	for _, row := range r.rows {
		if !row.Loss.Finite() || row.GradNorm <= 0 || row.Time.DataWait < 0 || row.Time.DataWait > 1 || row.Time.ImagesPerSecond <= 0 {
			t.Errorf("step %d is not that of a run: %+v", row.Step, row)
		}
	}
	last := r.rows[len(r.rows)-1]
	t.Logf("after %d steps: loss %.3f of chance %.3f, %.1f images/s, %.1f %% of the time waiting for data",
		last.Step, last.Loss, last.Chance, last.Time.ImagesPerSecond, 100*last.Time.DataWait)
}
