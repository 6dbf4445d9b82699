package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/run"
)

// The page of two runs holds both, changes neither, and is not written over.
func TestReport(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"a", "b"} {
		if code, _, stderr := call(t, append(tinyRun, "--dir", dir, "--epochs", "1")...); code != 0 {
			t.Fatalf("train: %s", stderr)
		}
	}
	before := folderHash(t, ".")
	code, stdout, stderr := call(t, strings.Fields("report a b --backend go")...)
	page, err := os.ReadFile("a.html")
	if code != 0 || err != nil || stdout != "a.html\n" || strings.Count(string(page), `<svg class="map"`) != 2 {
		t.Fatalf("exit code %d, stdout %q, stderr %q, error %v, want a.html with two maps", code, stdout, stderr, err)
	}
	after := folderHash(t, ".")
	for name, sum := range before {
		if after[name] != sum {
			t.Errorf("report changed %s", name)
		}
	}
	for args, want := range map[string]string{
		"report":                          "takes run directories",
		"report nowhere":                  "not a run directory",
		"report a --curves-only":          "a.html is there already",
		"report a --out none/page.html":   "there is no folder none",
		"report a --backend=best --force": "best",
		"report a --watch=1ms --force":    "--watch: 1ms, want at least 1s",
		"report a --watch=0 --force":      "--watch: 0s, want at least 1s",
	} {
		if code, stdout, stderr := call(t, strings.Fields(args)...); code != 2 || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want 2 and %q", args, code, stdout, stderr, want)
		}
	}
	if code, _, stderr := call(t, strings.Fields("report a --curves-only --force --watch")...); code != 0 {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	if page, _ := os.ReadFile("a.html"); strings.Contains(string(page), "<img") || !strings.Contains(string(page), "<svg") {
		t.Error("--curves-only: want charts and no pictures")
	}
}

// TensorBoard reads from --tensorboard what metrics.jsonl holds, over a stop and a resumption.
func TestTensorBoard(t *testing.T) {
	python, err := filepath.Abs("../../bin/tools/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("../../models/format/tfevents/testdata/read.py")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(python); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no bin/tools: make tools")
		}
		t.Skip("no bin/tools: make tools installs TensorBoard")
	}
	t.Chdir(t.TempDir())
	for _, steps := range []string{"5", "0"} {
		if code, _, stderr := call(t, append(tinyRun, "--dir", "run", "--tensorboard", "--steps", steps)...); code != 0 {
			t.Fatalf("train: %s", stderr)
		}
	}
	text, err := exec.Command(python, script, "run/tensorboard").Output()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string][][2]float64
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	rows, knn, err := run.ReadMetrics("run")
	if err != nil {
		t.Fatal(err)
	}
	if len(got["loss/infonce"]) != len(rows) || len(got["knn_backbone/k=5"]) != len(knn) || len(got["knn_pixels/k=1"]) != 1 {
		t.Fatalf("%d losses and %d accuracies, want %d and %d", len(got["loss/infonce"]), len(got["knn_backbone/k=5"]), len(rows), len(knn))
	}
	for i, row := range rows {
		if at := got["loss/infonce"][i]; int(at[0]) != row.Step || float32(at[1]) != float32(row.Loss) {
			t.Errorf("event %v, want the loss %v of step %d", at, row.Loss, row.Step)
		}
	}
	for i, row := range knn {
		if at := got["knn_backbone/k=5"][i]; int(at[0]) != row.Step || float32(at[1]) != float32(row.Headline()) {
			t.Errorf("event %v, want the accuracy %v of step %d", at, row.Headline(), row.Step)
		}
		if at := got["label_free_projection/uniformity"][i]; int(at[0]) != row.Step || float32(at[1]) != float32(row.LabelFree.Projection.Uniformity) {
			t.Errorf("event %v, want the uniformity %v of step %d", at, row.LabelFree.Projection.Uniformity, row.Step)
		}
	}
	for _, tag := range []string{"loss/chance", "contrast/top5", "similarity/negative", "keys/spread", "optim/lr", "optim/grad_norm", "time/data_wait"} {
		if len(got[tag]) != len(rows) {
			t.Errorf("%d values of %s, want %d", len(got[tag]), tag, len(rows))
		}
	}
}
