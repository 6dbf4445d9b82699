package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// The model card of a run has the command that makes such a run, by the flags that there are; a folder that is there is not
// written over, and an encoder that timm has no network for is wrong use.
func TestExportTimm(t *testing.T) {
	t.Chdir(t.TempDir())
	train := "train --backend=go --train-images=16 --batch=16 --bn-groups=2 --queue=32 --width=64 --dim=8 --image-size=8 --epochs=1 --seed=7 --temperature=0.2 --knn-every=0 --dir=wide"
	for _, args := range []string{train, "export wide --format=timm --license=mit"} {
		if code, _, stderr := call(t, strings.Fields(args)...); code != 0 {
			t.Fatalf("%s: exit code %d, stderr %q", args, code, stderr)
		}
	}
	card := string(must.M1(os.ReadFile(filepath.Join("encoder-timm", "README.md"))))
	_, command, _ := strings.Cut(card, "    mocotpu ")
	command, _, _ = strings.Cut(command, "\n")
	for _, flag := range []string{"--preset=glyphs-go", "--train-images=16", "--width=64", "--temperature=0.2", "--seed=7", "--epochs=1"} {
		if !strings.Contains(command+" ", flag+" ") {
			t.Errorf("the card's command is %q, want %s in it", command, flag)
		}
	}
	if problem := unknownIn(command); problem != "" || strings.Contains(command, "--dir") || strings.Contains(command, "--knn-every") {
		t.Errorf("the card's command is %q: %s; want flags that there are and that shape the run", command, problem)
	}
	if code, _, stderr := call(t, append(tinyRun, "--dir", "narrow", "--steps", "1", "--knn-every", "0")...); code != 0 {
		t.Fatalf("training: exit code %d, %s", code, stderr)
	}
	for args, want := range map[string]string{
		"export wide --format=timm":                          "encoder-timm is there already",
		"export wide --format=timm --out=x --license=My_Own": `license "My_Own"`,
		"export narrow --format=timm --out=x":                "64 channels after the stem",
	} {
		if code, _, stderr := call(t, strings.Fields(args)...); code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, stderr %q, want %d and %q", args, code, stderr, exitUsage, want)
		}
	}
	if _, err := os.Stat("x"); err == nil {
		t.Error("a folder was left of what cannot be exported")
	}
}
