package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		code, stdout, stderr := call(t, "completion", shell)
		if code != 0 || !strings.Contains(stdout, "mocotpu") {
			t.Errorf("completion %s: exit code %d, stderr %q, want a script", shell, code, stderr)
		}
	}
	t.Chdir(t.TempDir())
	must.M(os.Mkdir("soft", 0o755))
	for _, name := range []string{"mine.json", "photo.png", "soft/one.json"} {
		must.M(os.WriteFile(name, nil, 0o644))
	}
	// The shells filter by what was typed.
	for args, want := range map[string]string{
		"train --preset ":            "glyphs\nglyphs-go\nmnist\nemnist\ncifar10\nimagenet-mini\nmoco-v1\nmoco-v2\nstudent\nauto\n",
		"train --backend ":           "auto\ngo\ncpu\ncuda\ntpu\n",
		"eval --protocols ":          "knn\nlinear-fast\nlabel-free\nlinear\nfinetune\n",
		"eval --baselines ":          "pixels\nuntrained\nsupervised\n",
		"train --expect ":            "knn\nrank\nalignment\nuniformity\nretrieval\nloss\ntop1\ntop5\npositive\nnegative\nspread\ngrad_norm\n",
		"data doctor x --against gl": "glyphs\nmnist\nemnist\ncifar10\ncifar100\nfolder\n",
		"data doctor ":               "glyphs\nmnist\nemnist\ncifar10\ncifar100\nfolder\n",
		"train --keep ":              "last=\nevery=\nbest\nbest=knn\nbest=rank\nbest=alignment\nbest=uniformity\nbest=retrieval\n",
		"train --keep last=5,every=": "last=5,every=\nlast=5,best\nlast=5,best=knn\nlast=5,best=rank\nlast=5,best=alignment\nlast=5,best=uniformity\nlast=5,best=retrieval\n",
		"train --views ":             "cifar\ndigits\nglyphs\nv1\nv2\nmine.json\nsoft/\n",
		"views --views soft/":        "soft/one.json\n",
		"setup t":                    "tpu\n",
		"compile --remat ":           "none\nblock\n",
		"rep":                        "report\tMake one HTML page of runs: their curves, and what their encoders see\n",
	} {
		words := strings.Split(args, " ")
		code, stdout, _ := call(t, append([]string{"__complete"}, words...)...)
		if code != 0 || !strings.HasPrefix(stdout, want) || strings.Count(stdout, "\n") != strings.Count(want, "\n")+1 {
			t.Errorf("%s: exit code %d, completed by %q, want %q", args, code, stdout, want)
		}
	}
}

func TestVersion(t *testing.T) {
	code, stdout, stderr := call(t, "--version")
	if code != 0 {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	for _, line := range []string{
		`mocotpu +\S+`, `revision +\S+`, `gomlx +v0\.\d+\.\d+`, `go-xla +v0\.\d+\.\d+`, `compute +v0\.\d+\.\d+`, `go +go1\.\d+`,
		`cpu plugin +\S+`, `cuda plugin +\S+`, `tpu plugin +\S+`,
	} {
		if !regexp.MustCompile(`(?m)^` + line).MatchString(stdout) {
			t.Errorf("%q lacks a line like %s", stdout, line)
		}
	}
}
