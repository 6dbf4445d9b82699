package specimen

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/janpfeifer/must"
)

func TestFolderHoldsEveryKind(t *testing.T) {
	dir := t.TempDir()
	must.M(Folder(t.Context(), dir, Options{Images: 140, Classes: 3, Width: 60, Height: 40, Odd: true}))
	sizes, models := map[image.Point]int{}, map[color.Model]int{}
	files := must.M1(filepath.Glob(filepath.Join(dir, "class_0[012]", "img_*")))
	for _, name := range files {
		c, _, err := image.DecodeConfig(bytes.NewReader(must.M1(os.ReadFile(name))))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sizes[image.Pt(c.Width, c.Height)]++
		models[c.ColorModel]++
	}
	if len(files) != 140 {
		t.Errorf("%d files, want 140 in three classes", len(files))
	}
	for _, size := range []image.Point{{60, 40}, {40, 60}, {3, 4}, {120, 5}} {
		if sizes[size] == 0 {
			t.Errorf("sizes %v, want %v among them", sizes, size)
		}
	}
	for _, m := range []color.Model{color.YCbCrModel, color.GrayModel, color.CMYKModel, color.NRGBAModel} {
		if models[m] == 0 {
			t.Errorf("colour models %v, want JPEGs in colour, gray and CMYK, and PNGs with alpha", slices.Collect(maps.Values(models)))
		}
	}
}

func TestFolderIsAFunctionOfItsOptions(t *testing.T) {
	o := Options{Images: 20, Width: 30, Height: 20, Odd: true, Seed: 3}
	a, b := t.TempDir(), t.TempDir()
	must.M(Folder(t.Context(), a, o))
	must.M(Folder(t.Context(), b, o))
	for _, e := range must.M1(os.ReadDir(a)) {
		if !bytes.Equal(must.M1(os.ReadFile(filepath.Join(a, e.Name()))), must.M1(os.ReadFile(filepath.Join(b, e.Name())))) {
			t.Errorf("%s differs between two drawings", e.Name())
		}
	}
	o.Seed = 4
	must.M(Folder(t.Context(), b, o))
	if bytes.Equal(must.M1(os.ReadFile(filepath.Join(a, "img_000000.JPEG"))), must.M1(os.ReadFile(filepath.Join(b, "img_000000.JPEG")))) {
		t.Error("another seed draws the same image")
	}
}

// The end of the context ends the drawing: no image is drawn any more.
func TestStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	dir := filepath.Join(t.TempDir(), "images")
	if err := Folder(ctx, dir, Options{Images: 1 << 40, Width: 500, Height: 375}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was cancelled", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is there: %v", dir, err)
	}
}
