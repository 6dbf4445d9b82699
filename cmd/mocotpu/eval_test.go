package main

import (
	"bytes"
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/judge"
)

// folderHash is every file of a folder with its content.
func folderHash(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	all := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		all[name] = sha256.Sum256(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every protocol judges every subject, the report says what the table does, and the run stays as it was, byte for byte.
func TestEval(t *testing.T) {
	t.Chdir(t.TempDir())
	if code, _, stderr := call(t, append(tinyRun, "--dir", "run", "--knn-every", "0")...); code != 0 {
		t.Fatalf("train: %s", stderr)
	}
	before := folderHash(t, "run")
	code, stdout, stderr := call(t, strings.Fields("eval run --backend go --test-images 30 --protocols knn,linear-fast,linear,finetune "+
		"--baselines pixels,untrained,supervised --knn-ks 1,5 --epochs 2 --batch 24 --labels 50,100")...)
	if code != 0 {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	after := folderHash(t, "run")
	if len(after) != len(before) {
		t.Errorf("%d files in the run, %d before", len(after), len(before))
	}
	for name, sum := range before {
		if after[name] != sum {
			t.Errorf("eval changed %s", name)
		}
	}
	r, err := judge.ReadReport("run.report.json")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for _, row := range r.Rows {
		rows[row.Subject+" "+row.Protocol+" "+row.Features]++
		if row.N != 30 || row.Low > row.Top1 || row.High < row.Top1 || row.Top5 < row.Top1 || len(row.Confusion) != 62 {
			t.Errorf("row %+v makes no sense for 30 images", row)
		}
		if !strings.Contains(stdout, row.Name()) {
			t.Errorf("the table lacks %q:\n%s", row.Name(), stdout)
		}
	}
	want := map[string]int{
		"pixels knn backbone": 2, "pixels linear-fast backbone": 1,
		"untrained knn backbone": 2, "untrained linear-fast backbone": 1, "untrained linear backbone": 1, "untrained finetune backbone": 2,
		"supervised knn backbone": 2, "supervised linear-fast backbone": 1, "supervised linear backbone": 1, "supervised finetune backbone": 2,
		"supervised supervised backbone": 1,
		"encoder knn backbone":           2, "encoder knn projection": 2, "encoder linear-fast backbone": 1, "encoder linear backbone": 1,
		"encoder finetune backbone": 2,
	}
	for name, n := range want {
		if rows[name] != n {
			t.Errorf("%d rows of %s, want %d", rows[name], name, n)
		}
	}
	if len(rows) != len(want) || r.Step != 8 || r.Train != 64 || r.Data != "glyphs" || r.Engine != "go" {
		t.Errorf("rows %v of %+v", rows, r.Source)
	}
	// A report is not written over unless told so.
	again := strings.Fields("eval run --backend go --test-images 30 --protocols knn --baselines= --knn-ks 1 --json")
	if code, _, stderr := call(t, again...); code != 2 || !strings.Contains(stderr, "run.report.json is there already") {
		t.Errorf("exit code %d, stderr %q, want the report kept", code, stderr)
	}
	code, stdout, stderr = call(t, append(again, "--force")...)
	text, _ := os.ReadFile("run.report.json")
	if code != 0 || stdout != string(text) || bytes.Count(text, []byte(`"subject"`)) != 2 {
		t.Errorf("exit code %d, stderr %q, --json printed %q, want the report of backbone and projection", code, stderr, stdout)
	}
	// From within the run, the report is still beside it.
	t.Chdir("run")
	again[1] = "."
	if code, _, stderr := call(t, again...); code != 2 || !strings.Contains(stderr, "run.report.json is there already") {
		t.Errorf("exit code %d, stderr %q, want the report beside the run, not in it", code, stderr)
	}
}

// An exported encoder is judged as its run is: the same counts.
func TestEvalOfAFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if code, _, stderr := call(t, append(tinyRun, "--dir", "run", "--knn-every", "0", "--steps", "2")...); code != 0 {
		t.Fatalf("train: %s", stderr)
	}
	if code, _, stderr := call(t, strings.Fields("export run --out encoder.safetensors")...); code != 0 {
		t.Fatalf("export: %s", stderr)
	}
	var rows [2][]judge.Row
	for i, source := range []string{"run", "encoder.safetensors"} {
		args := "eval " + source + " --backend go --train-images 64 --test-images 30 --protocols knn,linear-fast --epochs 2 --knn-ks 5 --baselines="
		if code, _, stderr := call(t, strings.Fields(args)...); code != 0 {
			t.Fatalf("%s: exit code %d, %s", source, code, stderr)
		}
		r, err := judge.ReadReport(source + ".report.json")
		if err != nil {
			t.Fatal(err)
		}
		rows[i] = r.Rows
	}
	if len(rows[0]) != 3 || len(rows[1]) != 3 {
		t.Fatalf("%d and %d rows, want 3", len(rows[0]), len(rows[1]))
	}
	for i, row := range rows[0] {
		if !reflect.DeepEqual(row.Tally, rows[1][i].Tally) {
			t.Errorf("%s: %v of the run, %v of the file", row.Name(), row.Tally, rows[1][i].Tally)
		}
	}
	code, _, stderr := call(t, strings.Fields("eval encoder.safetensors --backend go --baselines supervised --force")...)
	if code != 2 || !strings.Contains(stderr, "takes the recipe of a run directory") {
		t.Errorf("exit code %d, stderr %q, want that a file has no recipe", code, stderr)
	}
}

func TestEvalExitCodes(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("text", []byte("no encoder"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := call(t, append(tinyRun, "--dir", "run", "--knn-every", "0", "--steps", "1")...); code != 0 {
		t.Fatalf("train: %s", stderr)
	}
	for _, test := range []struct{ args, want string }{
		{"eval", "0 arguments, want one"},
		{"eval a b", "2 arguments, want one"},
		{"eval nowhere", "no such file"},
		{"eval .", "no checkpoint"},
		{"eval text", "not an encoder"},
		{"eval run --protocols knn,guess", `--protocols is "guess"`},
		{"eval run --protocols=", "--protocols is empty"},
		{"eval run --baselines best", `--baselines is "best"`},
		{"eval run --knn-ks 5,1", "want ascending"},
		{"eval run --knn-temperature 0", "--knn-temperature is 0"},
		{"eval run --labels 0", "--labels has 0"},
		{"eval run --labels-per-class 3,1", "--labels-per-class is [3 1]"},
		{"eval run --labels-per-class 1 --draws 1", "--draws is 1"},
		{"eval run --labels-per-class 1 --protocols knn", "--protocols has neither"},
		{"eval run --protocols knn --labels 10", "--labels is for finetune, and --protocols is knn: leave it out"},
		{"eval run --protocols knn --labels-per-class 1 --draws 5", "--protocols has neither"},
		{"eval run --protocols knn --draws 5", "--draws is for --labels-per-class"},
		{"eval run --protocols knn,linear-fast --lr 1", "--lr is for linear, finetune, and --protocols is knn,linear-fast"},
		{"eval run --protocols knn --epochs 5", "--epochs is for linear-fast, linear, finetune"},
		{"eval run --protocols label-free --batch 64", "--batch is for linear-fast, linear, finetune"},
		{"eval run --protocols knn --seed 0", "--seed is for linear-fast, label-free, linear, finetune"},
		{"eval run --protocols linear-fast --knn-temperature 0.5", "--knn-temperature is for knn"},
		{"eval run --protocols linear-fast --knn-ks 5", "--knn-ks is for knn"},
		{"eval run --protocols finetune --labels-per-class 1 --labels 10", "--labels is not used beside --labels-per-class"},
		{"eval run --labels-per-class 1,50 --backend go", "has 50, and class "},
		{"eval run --epochs -1", "--epochs is -1"},
		{"eval run --data nowhere", "--data=nowhere is neither a data set (glyphs, mnist"},
		{"eval run --data mnist --backend go", "mocotpu data get mnist"},
		{"eval run --backend go --out none/report.json", "there is no folder none"},
	} {
		code, stdout, stderr := call(t, strings.Fields(test.args)...)
		if code != 2 || !strings.Contains(stderr, test.want) || stdout != "" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want 2 and %q", test.args, code, stdout, stderr, test.want)
		}
	}
}
