package main

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/run"
)

// A folder of photos without classes goes through everything: training judges it each epoch, eval finds the figures of the
// last evaluation again, and runs and report show them.
func TestWithoutClasses(t *testing.T) {
	t.Chdir(t.TempDir())
	must.M(specimen.Folder(t.Context(), "photos", specimen.Options{Images: 32, Classes: 2, Width: 40, Height: 30}))
	args := append(tinyRun, strings.Fields("--preset moco-v2 --arch resnet10 --stem small --data photos --unlabeled --canvas 20 --schedule constant "+
		"--keep last=1,best=rank --knn-every 1 --dir run --tensorboard")...)
	code, stdout, stderr := call(t, args...)
	if code != 0 || !strings.Contains(stdout, "other view of 32 training images found (projection): untrained ") || strings.Contains(stdout, "kNN") {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	_, evaluations := must.M2(run.ReadMetrics("run"))
	last := evaluations[len(evaluations)-1].LabelFree
	if len(evaluations) != 3 || last == nil {
		t.Fatalf("evaluations %+v, want three without labels", evaluations)
	}

	code, stdout, stderr = call(t, strings.Fields("eval run --backend go --baselines= --seed 0")...)
	r, err := judge.ReadReport("run.report.json")
	if code != 0 || err != nil || len(r.LabelFree) != 1 || !strings.Contains(stdout, "effective rank") || !strings.Contains(stderr, "is judged without labels") {
		t.Fatalf("exit code %d, stdout %q, stderr %q, %v", code, stdout, stderr, err)
	}
	for _, pair := range [][2]run.Float{
		{r.LabelFree[0].Backbone.Rank, last.Backbone.Rank},
		{r.LabelFree[0].Projection.Alignment, last.Projection.Alignment},
		{r.LabelFree[0].Backbone.Uniformity, last.Backbone.Uniformity},
		{r.LabelFree[0].Projection.Retrieval, last.Projection.Retrieval},
	} {
		if math.Abs(float64(pair[0]-pair[1])) > 1e-4*math.Abs(float64(pair[1])) {
			t.Errorf("eval has %v, training had %v", pair[0], pair[1])
		}
	}
	for _, labels := range []string{"--protocols knn", "--labels-per-class 1"} {
		if code, _, stderr := call(t, strings.Fields("eval run --backend go --force "+labels)...); code != 2 || !strings.Contains(stderr, "held-out images") {
			t.Errorf("eval %s: exit code %d, stderr %q", labels, code, stderr)
		}
	}

	var all []run.Summary
	_, stdout, _ = call(t, "runs", ".", "--json")
	if err := json.Unmarshal([]byte(stdout), &all); err != nil || len(all) != 1 || all[0].LabelFree == nil || *all[0].LabelFree.Projection != *last.Projection {
		t.Errorf("runs prints %s, %v", stdout, err)
	}
	code, _, stderr = call(t, strings.Fields("report run --curves-only")...)
	page := string(must.M1(os.ReadFile("run.html")))
	if code != 0 || !strings.Contains(page, "Effective rank") || !strings.Contains(page, `<table class="labelfree">`) {
		t.Errorf("report: exit code %d, stderr %q, page without the figures", code, stderr)
	}
}

// --expect ends a run with exit code 4, names itself, and goes with the run until it is taken back; a bad one is exit code 2.
func TestExpect(t *testing.T) {
	t.Chdir(t.TempDir())
	code, _, stderr := call(t, append(tinyRun, "--dir", "run", "--knn-every", "1", "--log-every", "100", "--expect", "loss@1<=1000", "--expect", "knn@1>=99")...)
	if code != exitUnexpected || !strings.Contains(stderr, "after epoch 1: knn is ") || !strings.Contains(stderr, "want knn@1>=99") {
		t.Fatalf("exit code %d, stderr %q, want %d and what is wrong", code, stderr, exitUnexpected)
	}
	if code, _, stderr := call(t, "train", "--dir", "run"); code != exitUnexpected {
		t.Errorf("the same run: exit code %d, stderr %q", code, stderr)
	}
	if code, stdout, stderr := call(t, "train", "--dir", "run", "--expect="); code != 0 || !strings.Contains(stderr, "going on from step 4 of 8") {
		t.Errorf("without: exit code %d, %q, %q", code, stdout, stderr)
	}
	for args, want := range map[string]string{
		"--expect=knn":                    "'knn@10>=45'",
		"--expect=nkn@2>=1":               `--expect is "nkn", want one of knn, rank`,
		"--expect=knn@3>=1":               "want one from 1 to the run's 2",
		"--expect=knn@1>=1":               "evaluations are every --knn-every (2) epochs",
		"--keep=last=1,best=loss":         `--keep best is "loss", want one of knn, rank`,
		"--expect=knn@1>=1 --knn-every=0": "nothing is evaluated",
	} {
		code, _, stderr := call(t, append(tinyRun, append(strings.Fields(args), "--dir", "other")...)...)
		if _, err := os.Stat("other"); code != 2 || !strings.Contains(stderr, want) || err == nil {
			t.Errorf("%s: exit code %d, stderr %q, want 2 and %q, and nothing written", args, code, stderr, want)
		}
	}
}
