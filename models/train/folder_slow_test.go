//go:build cgo && slow

package train

import (
	"path/filepath"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/models/run"
)

// TestSlowResNet18TrainsFromImageFiles is TestTrainsFromImageFiles with a ResNet-18, for eight steps.
func TestSlowResNet18TrainsFromImageFiles(t *testing.T) { trainFromFiles(t, "resnet18", 64, 8) }

// TestSlowResNet50TrainsFromAPackedFolder takes five steps of ImageNet-mini's preset, batch 64 on eight devices, from
// a packed set of a thousand images of odd sizes and kinds.
func TestSlowResNet50TrainsFromAPackedFolder(t *testing.T) {
	dir := t.TempDir()
	must.M(specimen.Folder(filepath.Join(dir, "train"), specimen.Options{Images: 1000, Classes: 10, Width: 500, Height: 375, Odd: true}))
	c := run.ImageNetMini()
	c.Data.Dir = packAll(t, dir, c.Data.Canvas)
	c.MoCo.Batch, c.MoCo.Queue = 64, 1024
	c.Run.Steps, c.Run.LogEvery, c.Run.Dir = 5, 1, t.TempDir()
	trainFromFolder(t, c, 8)
}
