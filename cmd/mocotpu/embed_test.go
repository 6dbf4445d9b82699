package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// readNPY returns the header's description and the elements' bits of a file of version 1.0.
func readNPY(t *testing.T, path string) (header string, bits []uint32) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	start := 10 + int(binary.LittleEndian.Uint16(content[8:]))
	bits = make([]uint32, (len(content)-start)/4)
	for i := range bits {
		bits[i] = binary.LittleEndian.Uint32(content[start+4*i:])
	}
	return string(content[10:start]), bits
}

// What embed writes are the encoder's features of the run's own test images, in their order, and their labels.
func TestEmbed(t *testing.T) {
	t.Chdir(t.TempDir())
	if code, _, stderr := call(t, append(tinyRun, "--dir", "run", "--epochs", "1", "--knn-every", "0")...); code != 0 {
		t.Fatalf("training: exit code %d, %s", code, stderr)
	}
	code, stdout, stderr := call(t, strings.Fields("embed run --backend go --images 70 --labels labels.npy --batch 4")...)
	if code != 0 || !strings.Contains(stdout, "features.npy: float32 [70, 16], test of glyphs") {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	set, err := data.Open("glyphs", "", "test", data.Options{N: 70})
	if err != nil {
		t.Fatal(err)
	}
	e, err := encoder.Open(xlatest.Go(t), "run", encoder.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	want, err := e.EmbedAll(t.Context(), set, nil)
	if err != nil {
		t.Fatal(err)
	}
	check := func(path, shape string, want []float32) {
		t.Helper()
		header, bits := readNPY(t, path)
		if !strings.Contains(header, "'<f4'") || !strings.Contains(header, shape) || len(bits) != len(want) {
			t.Fatalf("%s: header %q and %d elements, want shape %s", path, header, len(bits), shape)
		}
		for i, w := range want {
			if got := math.Float32frombits(bits[i]); math.Abs(float64(got-w)) > 1e-5*(1+math.Abs(float64(w))) {
				t.Fatalf("%s: element %d is %v, want %v", path, i, got, w)
			}
		}
	}
	check("features.npy", "(70, 16)", want.Trunk.Data)
	header, bits := readNPY(t, "labels.npy")
	if !strings.Contains(header, "'<i4'") || len(bits) != 70 {
		t.Fatalf("labels: header %q, %d elements", header, len(bits))
	}
	for i, label := range set.Labels {
		if bits[i] != uint32(label) {
			t.Fatalf("label %d is %d, want %d", i, bits[i], label)
		}
	}

	before, err := os.ReadFile("features.npy")
	if err != nil {
		t.Fatal(err)
	}
	code, _, stderr = call(t, strings.Fields("embed run --backend go --projection")...)
	if after, _ := os.ReadFile("features.npy"); code != 2 || !strings.Contains(stderr, "--force") || !bytes.Equal(before, after) {
		t.Errorf("exit code %d, stderr %q, want the file kept", code, stderr)
	}
	code, _, stderr = call(t, strings.Fields("embed run --backend go --images 70 --projection --force --batch 7")...)
	if code != 0 {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	check("features.npy", "(70, 8)", want.Head.Data)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, talk bytes.Buffer
	code = execute(ctx, strings.Fields("embed run --backend go --out late.npy"), &out, &talk)
	if files, err := os.ReadDir("."); code != exitInterrupted || err != nil || len(files) != 3 {
		t.Errorf("exit code %d, files %v, want %d and nothing new", code, files, exitInterrupted)
	}
}

func TestEmbedRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("notes.txt", []byte("this is not an encoder"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := call(t, append(tinyRun, "--dir", "run", "--epochs", "1", "--knn-every", "0")...); code != 0 {
		t.Fatalf("training: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := call(t, "export", "run"); code != 0 {
		t.Fatalf("export: exit code %d, %s", code, stderr)
	}
	for _, test := range []struct{ args, want string }{
		{"embed", "0 arguments, want one"},
		{"embed a b", "2 arguments, want one"},
		{"embed nowhere", "no such file"},
		{"embed .", "no checkpoint"},
		{"embed notes.txt", "not an encoder"},
		{"embed encoder.safetensors --batch 0", "--batch 0"},
		{"embed encoder.safetensors --data cifar10", "mocotpu data get cifar10"},
		{"embed encoder.safetensors --split both", `split "both"`},
	} {
		if code, _, stderr := call(t, strings.Fields(test.args)...); code != 2 || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit code %d, stderr %q, want 2 and %q", test.args, code, stderr, test.want)
		}
	}
}

// --data means the same in embed and eval: a folder of images serves any encoder, one that drew its own as well as a
// file, and numbers of neighbours above its images are left out with a note.
func TestAnyFolderForAnyEncoder(t *testing.T) {
	t.Chdir(t.TempDir())
	must.M(specimen.Folder(t.Context(), "photos/train", specimen.Options{Images: 12, Classes: 2, Width: 24, Height: 24}))
	must.M(specimen.Folder(t.Context(), "photos/val", specimen.Options{Images: 6, Classes: 2, Width: 24, Height: 24}))
	if code, _, stderr := call(t, append(tinyRun, "--dir", "run", "--steps", "1", "--knn-every", "0")...); code != 0 {
		t.Fatalf("training: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := call(t, "export", "run"); code != 0 {
		t.Fatalf("export: exit code %d, %s", code, stderr)
	}
	for _, encoder := range []string{"run", "encoder.safetensors"} {
		for _, args := range []string{
			"embed " + encoder + " --backend go --data photos --labels labels.npy --force",
			"embed " + encoder + " --backend go --data folder --data-dir photos --labels labels.npy --force",
		} {
			code, stdout, stderr := call(t, strings.Fields(args)...)
			if code != 0 || !strings.Contains(stdout, "features.npy: float32 [6, 16], test of photos") {
				t.Errorf("%s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
			}
		}
		args := "embed " + encoder + " --backend go --data photos/val --force"
		if code, stdout, stderr := call(t, strings.Fields(args)...); code != 0 || !strings.Contains(stdout, "features.npy: float32 [6, 16], all of photos/val") ||
			!strings.Contains(stderr, "photos/val has no held-out images") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want all six images", args, code, stdout, stderr)
		}
		args += " --split=test"
		if code, _, stderr := call(t, strings.Fields(args)...); code != exitUsage || !strings.Contains(stderr, "no folder val") || !strings.Contains(stderr, "--split=train embeds") {
			t.Errorf("%s: exit code %d, stderr %q, want 2: there are none, and what else to embed", args, code, stderr)
		}
		args = "eval " + encoder + " --backend go --data photos/val --protocols knn"
		if code, _, stderr := call(t, strings.Fields(args)...); code != exitUsage || !strings.Contains(stderr, "--data=FOLDER takes one with train/ and val/") {
			t.Errorf("%s: exit code %d, stderr %q, want 2 and what to give", args, code, stderr)
		}
		args = "eval " + encoder + " --backend go --data photos --protocols knn --baselines="
		code, stdout, stderr := call(t, strings.Fields(args)...)
		if code != 0 || !strings.Contains(stdout, "knn k=5, projection") || !strings.Contains(stderr, "above the 12 training images searched are left out; [1 5] stay") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want what is above 12 left out", args, code, stdout, stderr)
		}
		for _, command := range []string{"embed", "eval"} {
			code, _, stderr := call(t, command, encoder, "--backend=go", "--data=nowhere", "--force")
			if code != 2 || !strings.Contains(stderr, "--data=nowhere is neither a data set") {
				t.Errorf("%s %s: exit code %d, stderr %q", command, encoder, code, stderr)
			}
		}
	}
}
