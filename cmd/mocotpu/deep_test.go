package main

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
	"golang.org/x/image/tiff"

	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/run"
)

// putScans makes a folder of 16-bit TIFFs of 12 bits in use: waves of two lengths, the classes, 16 of each to train and 8 to test.
func putScans(dir string) {
	for i := range 48 {
		split := []string{"train", "train", "val"}[i/2%3]
		path := filepath.Join(dir, split, "ab"[i%2:i%2+1], fmt.Sprintf("%02d.tif", i))
		must.M(os.MkdirAll(filepath.Dir(path), 0o755))
		m := image.NewGray16(image.Rect(0, 0, 24, 20))
		for at := range 24 * 20 {
			x, y := at%24, at/24
			v := 900 + 500*math.Sin(float64(x)*(0.3+0.5*float64(i%2))+float64(i)) + float64(7*y)
			m.SetGray16(x, y, color.Gray16{Y: uint16(v)})
		}
		f := must.M1(os.Create(path))
		must.M(tiff.Encode(f, m, &tiff.Options{Compression: tiff.Deflate}))
		must.M(f.Close())
	}
}

// A folder of 16-bit scans trains on one channel, in a window of percentiles; whatever uses the encoder then, on the folder, on
// files or on a packed set, sees the same pixels.
func TestDeepGrayFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	putScans("scans")
	works := func(args string) (stdout, stderr string) {
		t.Helper()
		code, stdout, stderr := call(t, strings.Fields(args)...)
		if code != 0 {
			t.Fatalf("%s: exit code %d, %s", args, code, stderr)
		}
		return stdout, stderr
	}
	const small = "train --backend=go --preset=imagenet-mini --arch=resnet10 --width=2 --stem=small --dim=8 --image-size=16 --canvas=16 --batch=16 --bn-groups=2 --queue=32 --epochs=1 --knn-ks=1,5"
	if _, talk := works(small + " --data=scans --dir=plain --steps=1 --knn-every=0"); !strings.Contains(talk, "--window=LOW,HIGH") {
		t.Errorf("nothing says that 16-bit images are shown over their whole range: %s", talk)
	}
	const gray = small + " --data=scans --channels=1 --window=1%,99% --dir=gray"
	out, talk := works(gray)
	if !strings.Contains(out, "epoch   1   kNN") || !strings.Contains(talk, "saturation, hue, gray and mix are off") {
		t.Errorf("stdout %q, stderr %q, want a judged epoch and what is off", out, talk)
	}
	record := must.M1(run.ReadRecord("gray"))
	window := must.M1(picture.ParseWindow(record.Data.Window))
	if window.Low < 400 || window.Low > 500 || window.High < 1400 || window.High > 1600 {
		t.Errorf("window %v of samples from 400 to 1533", window)
	}
	if a := record.Views.Augment; a.Jitter.Saturation != 0 || a.Gray != 0 || record.Encoder.Channels != 1 || a.Channels != 1 {
		t.Errorf("views %+v of encoder %+v, want one channel", a, record.Encoder)
	}
	if _, talk := works(gray + " --epochs=2"); !strings.Contains(talk, "run.epochs: 1, now 2") || strings.Contains(talk, "data.window") {
		t.Errorf("going on: %s, want the same window", talk)
	}
	if out, _ := works("eval gray --backend=go --protocols=knn --baselines="); !strings.Contains(out, "backbone") {
		t.Errorf("eval: %s", out)
	}

	works("export gray --out=gray.safetensors")
	works("export gray --format=onnx --out=gray.onnx")
	w := must.M1(encoder.Load("gray.safetensors"))
	if w.Manifest.Input.Window != window || w.Manifest.Network.Channels != 1 {
		t.Errorf("the file is of %+v, want window %v and one channel", w.Manifest, window)
	}
	if out, _ := works("data doctor scans --encoder=gray.safetensors --backend=go"); !strings.Contains(out, "--window="+window.String()) {
		t.Errorf("the doctor shows the encoder other pixels than it was trained on: %s", out)
	}
	_, talk = works("data pack scans packed --canvas=16 --channels=1 --window=1%,99%")
	if !strings.Contains(talk, "window: "+window.String()) {
		t.Errorf("packing: %s, want window %s", talk, window)
	}
	works("embed gray --backend=go --out=folder.npy")
	works("embed gray --backend=go --data=packed --out=packed.npy")
	works("embed scans/val --encoder=gray.safetensors --backend=go --out=files.npy")
	_, want := readNPY(t, "folder.npy")
	for _, other := range []string{"packed.npy", "files.npy"} {
		if _, got := readNPY(t, other); len(got) != 16*16 || !slices.Equal(got, want) {
			t.Errorf("%s: %d values, or others than the folder's", other, len(got))
		}
	}
}
