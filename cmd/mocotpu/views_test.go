package main

import (
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// TestViews: views prints what it wrote, and warns of 16-bit images without a window as train does.
func TestViews(t *testing.T) {
	t.Chdir(t.TempDir())
	putScans("scans")
	const args = "views --backend=go --preset=imagenet-mini --data=scans --arch=resnet10 --width=2 --stem=small --dim=8 --image-size=16 --canvas=16 --batch=16 --bn-groups=2 --queue=32"
	for _, test := range []struct {
		more   string
		warned bool
	}{{" --out=plain.png", true}, {" --out=window.PNG --window=400,1600", false}} {
		code, stdout, stderr := call(t, strings.Fields(args+test.more)...)
		if code != 0 {
			t.Fatalf("%s: exit code %d, %s", test.more, code, stderr)
		}
		if warned := strings.Contains(stderr, "--window=LOW,HIGH"); warned != test.warned {
			t.Errorf("%s: stderr %q, want a warning: %t", test.more, stderr, test.warned)
		}
		name, shows, _ := strings.Cut(stdout, ": ")
		if want := "8 images of " + filepath.Join("scans", "train") + ", and beside each its two views in epochs 1 to 3\n"; shows != want {
			t.Errorf("%s: stdout %q, want the file and %q", test.more, stdout, want)
		}
		f := must.M1(os.Open(name))
		if _, err := png.Decode(f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		f.Close()
	}
}

// A folder of images of a kind that is not read is the user's to convert.
func TestUnreadImages(t *testing.T) {
	t.Chdir(t.TempDir())
	must.M(os.Mkdir("photos", 0o755))
	must.M(os.WriteFile("photos/a.gif", []byte("GIF89a and so on"), 0o644))
	code, _, stderr := call(t, "views", "--backend=go", "--preset=moco-v2", "--data=photos", "--out=views.png")
	if code != exitUsage || !strings.Contains(stderr, "a GIF file, want JPEG") || !strings.Contains(stderr, "convert or remove") || strings.Contains(stderr, "corrupt") {
		t.Errorf("exit code %d, %q, want 2 and what to do", code, stderr)
	}
}
