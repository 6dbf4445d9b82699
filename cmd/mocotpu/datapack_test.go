package main

import (
	"archive/tar"
	"os"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/specimen"
)

// TestPackAndTrain packs a folder by the command, verifies it, and trains on it.
func TestPackAndTrain(t *testing.T) {
	t.Chdir(t.TempDir())
	must.M(specimen.Folder(t.Context(), "images/train", specimen.Options{Images: 110, Classes: 2, Width: 40, Height: 30, Odd: true}))
	must.M(specimen.Folder(t.Context(), "images/val", specimen.Options{Images: 20, Classes: 2, Width: 40, Height: 30, Seed: 1}))
	must.M(os.Truncate("images/train/class_00/img_000002.JPEG", 100))
	code, out, talk := call(t, "data", "pack", "--canvas=20", "images", "packed")
	if code != 0 || !strings.Contains(out, "packed/train: 109 images of 2 classes, canvas 20; 1 broken ones left out") ||
		!strings.Contains(out, "packed/val: 20 images of 2 classes") || !strings.Contains(talk, "class_00/img_000002.JPEG: picture: ") {
		t.Fatalf("exit code %d, stdout %s, stderr %s, want both splits and the broken image", code, out, talk)
	}
	if code, out, talk := call(t, "data", "verify", "packed/train"); code != 0 || !strings.Contains(out, "packed/train is whole: 109 images") {
		t.Errorf("exit code %d, stdout %s, stderr %s, want a whole set", code, out, talk)
	}
	if code, out, talk := call(t, "data", "verify", "packed"); code != 0 || strings.Count(out, "is whole") != 2 {
		t.Errorf("exit code %d, stdout %s, stderr %s, want both splits whole", code, out, talk)
	}
	must.M(os.CopyFS("spoilt", os.DirFS("packed")))
	images := must.M1(os.ReadFile("spoilt/val/images.npy"))
	images[len(images)-1] ^= 1
	must.M(os.WriteFile("spoilt/val/images.npy", images, 0o644))
	code, out, talk = call(t, "data", "verify", "spoilt")
	if code != exitUsage || !strings.Contains(out, "spoilt/train is whole") || !strings.Contains(talk, "spoilt/val/images.npy: ") || !strings.Contains(talk, "checksum mismatch") {
		t.Errorf("exit code %d, stdout %s, stderr %s, want the damaged file named", code, out, talk)
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

// A packed set within the folder that it is made of would be taken for the folder's own images the next time.
func TestPackOutside(t *testing.T) {
	t.Chdir(t.TempDir())
	must.M(specimen.Folder(t.Context(), "images", specimen.Options{Images: 4, Classes: 2, Width: 40, Height: 30}))
	must.M(os.Symlink("images", "linked"))
	must.M(os.Mkdir("beside", 0o755))
	for _, args := range []string{"images images", "images images/class_00/x", "images linked/x/y", "linked images", "images beside/../images/x"} {
		code, _, talk := call(t, append([]string{"data", "pack"}, strings.Fields(args)...)...)
		if code != exitUsage || !strings.Contains(talk, "choose a folder outside") {
			t.Errorf("%s: exit code %d, stderr %s, want a refusal", args, code, talk)
		}
	}
	must.M(os.Mkdir("shards", 0o755))
	shard := must.M1(os.Create("shards/a.tar"))
	w := tar.NewWriter(shard)
	must.M(w.AddFS(os.DirFS("images")))
	must.M(w.Close())
	must.M(shard.Close())
	code, _, talk := call(t, "data", "pack", "--canvas=16", "images", "all-packed")
	if code != 0 || !strings.Contains(talk, "no held-out images, such as") || strings.Contains(talk, "missing") {
		t.Errorf("exit code %d, stderr %s, want a note, and no error, that there are no held-out images", code, talk)
	}
	for _, args := range []string{"images images-packed", "shards/a.tar shards/packed"} { // shards are not looked for in folders below
		code, _, talk := call(t, append([]string{"data", "pack", "--canvas=16", "--split=train"}, strings.Fields(args)...)...)
		if code != 0 {
			t.Errorf("%s: exit code %d, stderr %s", args, code, talk)
		}
	}
}
