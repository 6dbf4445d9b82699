package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/bank"
	"github.com/mocotpu/mocotpu/models/data/specimen"
)

// exportedToy trains the smallest run and exports its encoder as x.safetensors, beside drawn photos and a broken one.
func exportedToy(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	must.M(specimen.Folder(t.Context(), "photos", specimen.Options{Images: 8, Classes: 2, Width: 40, Height: 24}))
	put(".", "photos/broken.jpg", []byte("\xff\xd8no more"))
	for _, args := range [][]string{append(tinyRun, "--dir", "run", "--steps", "1", "--knn-every", "0"), {"export", "run", "--out=x.safetensors"}} {
		if code, _, stderr := call(t, args...); code != 0 {
			t.Fatalf("%q: exit code %d, %s", args, code, stderr)
		}
	}
}

// Images are embedded without a run or a data set, and found again: each nearest to itself, by a run as by its export.
func TestEmbedImagesAndSearch(t *testing.T) {
	exportedToy(t)
	put(".", "photos/phone.heic", nil)
	code, stdout, stderr := call(t, strings.Fields("embed photos --encoder=x.safetensors --backend=go --out=bank.npy")...)
	if code != 0 || !strings.Contains(stdout, "bank.npy: float32 [8, 16], and their names in bank.npy.json") {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if !strings.Contains(stderr, `broken image "photos/broken.jpg", which is left out`) {
		t.Errorf("stderr %q, want the broken image's name", stderr)
	}
	if !strings.Contains(stderr, "warning: 1 file of .heic is not read") {
		t.Errorf("stderr %q, want the file that was passed over told of", stderr)
	}
	for _, encoder := range []string{"", " --encoder=run"} {
		args := "search --bank=bank.npy --backend=go --neighbours=3 --json --html=found.html --force photos" + encoder
		code, stdout, stderr = call(t, strings.Fields(args)...)
		if code != 0 {
			t.Fatalf("%s: exit code %d, stderr %q", args, code, stderr)
		}
		n := 0
		for decoder := json.NewDecoder(strings.NewReader(stdout)); decoder.More(); n++ {
			var f bank.Found
			must.M(decoder.Decode(&f))
			if len(f.Matches) != 3 || f.Matches[0].Name != f.Name || f.Matches[0].Similarity < 0.999 {
				t.Errorf("%s finds %+v, want itself first of three", f.Name, f.Matches)
			}
		}
		if page := must.M1(os.ReadFile("found.html")); n != 8 || bytes.Count(page, []byte("<img")) != 32 {
			t.Errorf("%d images looked for and %d pictures, want 8 and 32", n, bytes.Count(page, []byte("<img")))
		}
	}
	must.M(os.Mkdir("banks", 0o755))
	if code, _, stderr := call(t, strings.Fields("embed photos --encoder=run --backend=go --out=banks/b.npy --projection")...); code != 0 {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	for _, test := range []struct{ args, want string }{
		{"embed --encoder=x.safetensors", "no images"},
		{"embed photos --encoder=x.safetensors --data=glyphs", "--data is for a data set"},
		{"embed x.safetensors --data=glyphs --decoder=go", "--decoder is for image files"},
		{"export x.safetensors --out=y.safetensors", "--backend is for --format=stablehlo, got --format=safetensors"},
		{"embed nowhere --encoder=x.safetensors", "neither a file nor a folder"},
		{"embed photos --encoder=nowhere", "no such file"},
		{"embed photos --encoder=x.safetensors --out=bank.npy", "bank.npy is there already"},
		{"embed photos --encoder=x.safetensors --decoder=magic", "--decoder"},
		{"search photos", "want --bank=FILE"},
		{"search --bank=bank.npy", "images to look for"},
		{"search --bank=bank.npy photos --neighbours=0", "--neighbours 0"},
		{"search --bank=x.safetensors photos", "not a bank"},
		{"search --bank=banks/b.npy photos", `"../run", which is not below its folder`},
		{"search --bank=bank.npy photos/broken.jpg", "none of the images can be read"},
	} {
		if code, _, stderr := call(t, strings.Fields(test.args+" --backend=go")...); code != 2 || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit code %d, stderr %q, want 2 and %q", test.args, code, stderr, test.want)
		}
	}
}
