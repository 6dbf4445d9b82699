package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/data/specimen"
)

// TestBenchData has a row for every way to read images, and PyTorch's from the script's answer.
func TestBenchData(t *testing.T) {
	python := fakePython(t, `cat >/dev/null
case "$2" in *'"batch":8,'*'"size":32,"workers":2'*) ;; *) exit 3 ;; esac
echo '{"torch":"9.9","torchvision":"8.8","pillow":"7.7","images":100,"seconds":0.5}'`)
	code, out, talk := call(t, "bench", "data", "--images=32", "--batch=8", "--canvas=32", "--workers=2", "--python="+python, "--json")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, talk)
	}
	var r benchDataReport
	must.M(json.Unmarshal([]byte(out), &r))
	want := 4 // Go, pack, packed, PyTorch
	if picture.Best() != picture.Go {
		want++
	}
	if len(r.Rows) != want || r.Images != 32 || r.Canvas != 32 || r.Torch.Torch != "9.9" {
		t.Fatalf("report %+v, want %d rows of 32 images", r, want)
	}
	for _, row := range r.Rows {
		if row.ImagesPerSecond <= 0 || row.CanvasMBPerSecond != row.ImagesPerSecond*3*32*32/1e6 {
			t.Errorf("row %+v lacks figures", row)
		}
	}
	if last := r.Rows[want-1]; last.ImagesPerSecond != 200 || last.AnonBytes != 0 {
		t.Errorf("PyTorch's row is %+v, want 100 images in half a second", last)
	}
}

func TestBenchDataTable(t *testing.T) {
	folder := t.TempDir()
	must.M(specimen.Folder(folder, specimen.Options{Images: 24, Classes: 2, Width: 40, Height: 30}))
	code, out, talk := call(t, "bench", "data", "--folder="+folder, "--images=16", "--batch=8", "--canvas=16", "--python=")
	if code != 0 || !strings.Contains(out, "16 images, canvas 16: 768 bytes each") || !strings.Contains(out, "PyTorch: left out (--python is empty)") {
		t.Errorf("exit code %d, stdout %s, stderr %s, want a table without PyTorch", code, out, talk)
	}
	code, _, talk = call(t, "bench", "data", "--folder="+folder, "--images=0", "--batch=20")
	if code != 2 || !strings.Contains(talk, "has 24 images, want two batches of 20") {
		t.Errorf("exit code %d, stderr %s, want a batch too large refused", code, talk)
	}
}

// TestBenchTrain times a tiny step on drawn characters and on a folder.
func TestBenchTrain(t *testing.T) {
	tiny := []string{
		"bench", "train", "--backend=go", "--width=2", "--dim=8", "--batch=16", "--bn-groups=2", "--queue=32",
		"--image-size=16", "--repeat=2", "--knn-every=0",
	}
	folder := t.TempDir()
	must.M(specimen.Folder(filepath.Join(folder, "train"), specimen.Options{Images: 60, Classes: 2, Width: 40, Height: 30}))
	for name, flags := range map[string][]string{
		"glyphs": {"--preset=glyphs", "--train-images=64"},
		"folder": {"--preset=moco-v1", "--arch=resnet10", "--stem=small", "--canvas=20", "--data=" + folder},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, talk := call(t, append(append(tiny, flags...), "--json")...)
			if code != 0 {
				t.Fatalf("exit code %d: %s", code, talk)
			}
			var r benchTrainReport
			must.M(json.Unmarshal([]byte(out), &r))
			if r.Feed <= 0 || r.Step <= 0 || r.Both <= 0 || r.DataWait < 0 || r.DataWait > 1 || r.Limit != "step" && r.Limit != "data" {
				t.Errorf("report %+v lacks figures", r)
			}
			if (r.Limit == "data") != (r.Feed < r.Step) {
				t.Errorf("%s limits at %v images/s of the feed and %v of the step", r.Limit, r.Feed, r.Step)
			}
		})
	}
	code, _, talk := call(t, append(tiny, "--preset=glyphs", "--train-images=10")...)
	if code != 2 || !strings.Contains(talk, "--batch is 16, want at most the 10 training images") {
		t.Errorf("exit code %d, stderr %s, want a set smaller than a batch refused", code, talk)
	}
}

// TestPackAndTrain packs a folder by the command, verifies it, and trains on it.
func TestPackAndTrain(t *testing.T) {
	t.Chdir(t.TempDir())
	must.M(specimen.Folder("images/train", specimen.Options{Images: 110, Classes: 2, Width: 40, Height: 30, Odd: true}))
	must.M(specimen.Folder("images/val", specimen.Options{Images: 20, Classes: 2, Width: 40, Height: 30, Seed: 1}))
	must.M(os.Truncate("images/train/class_00/img_000002.JPEG", 100))
	code, out, talk := call(t, "data", "pack", "--canvas=20", "images", "packed")
	if code != 0 || !strings.Contains(out, "packed/train: 109 images of 2 classes, canvas 20; 1 broken ones left out") ||
		!strings.Contains(out, "packed/val: 20 images of 2 classes") || !strings.Contains(talk, "class_00/img_000002.JPEG: picture: ") {
		t.Fatalf("exit code %d, stdout %s, stderr %s, want both splits and the broken image", code, out, talk)
	}
	if code, out, talk := call(t, "data", "verify", "packed/train"); code != 0 || !strings.Contains(out, "packed/train is whole: 109 images") {
		t.Errorf("exit code %d, stdout %s, stderr %s, want a whole set", code, out, talk)
	}
	run := strings.Fields("train --backend go --preset moco-v2 --data packed --canvas 20 --arch resnet10 --stem small --width 2 --dim 8 " +
		"--batch 16 --bn-groups 2 --queue 32 --image-size 16 --steps 3 --knn-ks 1,5 --dir run")
	code, out, talk = call(t, run...)
	if code != 0 || !strings.Contains(out, "kNN top-1 on 20 held-out images") || !strings.Contains(talk, "1 broken images were left out") {
		t.Errorf("exit code %d, stdout %s, stderr %s, want a run judged on 20 images", code, out, talk)
	}
	code, _, talk = call(t, "data", "pack", "--canvas=24", "images", "packed")
	if code != 2 || !strings.Contains(talk, "the folder is taken") {
		t.Errorf("exit code %d, stderr %s, want another canvas refused", code, talk)
	}
}
