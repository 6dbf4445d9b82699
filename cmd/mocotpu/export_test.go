package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/convert"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// A run goes out in every format, and its checkpoint in moco's form comes back in as the same encoder.
func TestExportAndImport(t *testing.T) {
	t.Chdir(t.TempDir())
	if code, _, stderr := call(t, append(tinyRun, "--dir", "run", "--epochs", "1", "--knn-every", "0", "--stem", "imagenet", "--image-size", "32")...); code != 0 {
		t.Fatalf("training: exit code %d, %s", code, stderr)
	}
	for _, args := range []string{
		"export run",
		"export run --format moco",
		"export run --format detectron2",
		"export run --format onnx",
		"export run --out half.safetensors --dtype bfloat16 --trunk",
		"import checkpoint_0000.pth.tar --out back.safetensors --views glyphs --image-size 32",
		"export back.safetensors --out again.safetensors",
	} {
		if code, _, stderr := call(t, strings.Fields(args)...); code != 0 {
			t.Fatalf("%s: exit code %d, %s", args, code, stderr)
		}
	}
	want, err := encoder.Load("run")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"encoder.safetensors", "back.safetensors", "again.safetensors"} {
		got, err := encoder.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if got.Manifest.Network != want.Manifest.Network || got.Manifest.Input != want.Manifest.Input {
			t.Errorf("%s: %+v, want %+v", path, got.Manifest, want.Manifest)
		}
		for name, values := range want.Values {
			if !slices.Equal(got.Values[name], values) {
				t.Errorf("%s: %s differs", path, name)
			}
		}
	}
	for _, path := range []string{"encoder.safetensors.json", "checkpoint_0000.pth.tar.json", "encoder.pkl.json"} {
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), `"image_size": 32`) {
			t.Errorf("%s: %s, error %v, want the preprocessing in it", path, text, err)
		}
	}
	t.Run("stablehlo", func(t *testing.T) {
		xlatest.CPU(t, 1) // skips where there is none
		code, stdout, stderr := call(t, strings.Fields("export run --format stablehlo --backend cpu --batch 2")...)
		if code != 0 || !strings.Contains(stdout, "encoder.mlir.safetensors") {
			t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
		}
		code, _, stderr = call(t, strings.Fields("export run --format stablehlo --backend go --out go.mlir")...)
		if code != 2 || !strings.Contains(stderr, "mocotpu setup cpu") {
			t.Errorf("on the go engine: exit code %d, stderr %q", code, stderr)
		}
	})
	for _, test := range []struct{ args, want string }{
		{"export", "0 arguments, want one"},
		{"export run", "encoder.safetensors is there already"},
		{"export run --format gif", "want one of " + strings.Join(convert.Formats(), ", ")},
		{"export run --dtype float16", "want float32 or bfloat16"},
		{"export run --format moco --dtype bfloat16 --force", "float32 only"},
		{"export back.safetensors --format moco --force", "want a run directory"},
		{"export nowhere", "no such file"},
		{"export run --out nowhere/x", "no folder nowhere"},
		{"export run --out /proc/x", "no file can be made there"},
		{"export run --out run --force", "run is a folder"},
		{"export run --format stablehlo --backend gpu --force", "cuda"},
		{"export run --batch 2", "--batch is for --format=stablehlo"},
		{"export run --format stablehlo --batch 0 --force", "--batch 0: want at least 1"},
		{"export encoder.safetensors --out ./encoder.safetensors --force", "is what is read"},
		{"import encoder.safetensors --out encoder.safetensors --force", "is what is read"},
		{"import encoder.safetensors --out=", "is empty"},
		{"embed run --images -5", "--images -5: want at least 1"},
		{"embed run --out a.npy --labels ./a.npy", "want two files"},
		{"embed run --backend gpu", "cuda"},
		{"embed encoder.safetensors --out encoder.safetensors --force", "is what is read"},
		{"export run --out run/config.json --force", "run/config.json belongs to run"},
		{"report run --curves-only --out run/LAST --force", "run/LAST belongs to run"},
		{"embed run --out run/metrics.jsonl --force", "run/metrics.jsonl belongs to run"},
		{"eval run --out run/config.json --force", "run/config.json belongs to run"},
		{"selftest --time-limit 0s", "want more than 0"},
		{"bench data --batch 5000000000000000000 --images 10", "want at least two batches"},
		{"import nowhere --force", "no such file"},
		{"import encoder.safetensors.json --force", "torch.save"},
		{"import checkpoint_0000.pth.tar --views sepia --force", "sepia"},
	} {
		if code, stdout, stderr := call(t, strings.Fields(test.args)...); code != 2 || stdout != "" || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want 2 and %q", test.args, code, stdout, stderr, test.want)
		}
	}
}
