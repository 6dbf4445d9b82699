package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/child"
	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestMain lets the test binary be the command: doctor probes engines and compile compiles in a child process of
// itself, and tests send signals to train. The tests keep compiled programs for each other, in the folder of all packages or one of their own.
func TestMain(m *testing.M) {
	if how := os.Getenv(hanging); how != "" {
		hang(how)
	}
	if serveJobs() {
		return
	}
	if peak := os.Getenv(commandVariable); peak != "" {
		commandOf(peak)
	}
	if len(os.Args) > 1 && (os.Args[1] == "train" || os.Args[1] == "launch") {
		main()
	}
	cache, err := os.MkdirTemp("", "programs-*")
	if err == nil {
		err = os.Setenv(programs.Variable, cmp.Or(os.Getenv(xlatest.KeptPrograms), cache))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailed)
	}
	code := m.Run()
	_ = os.RemoveAll(cache) // in the folder of what may go
	os.Exit(code)
}

// call runs the command in an empty folder, so that nothing is found or left there.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, talk bytes.Buffer
	code = execute(t.Context(), args, &out, &talk)
	return code, out.String(), talk.String()
}

func TestExitCodes(t *testing.T) {
	t.Chdir(t.TempDir())
	missing := filepath.Join(t.TempDir(), "missing.so")
	for _, test := range []struct {
		args           string
		code           int
		stdout, stderr string // parts of it
	}{
		{"", 0, "mocotpu train", ""},
		{"--help", 0, "Usage:", ""},
		{"train --help", 0, "--key-momentum", ""},
		{"bogus", 2, "", `unexpected argument "bogus"`},
		{"train --bogus", 2, "", "unknown flag: --bogus; see mocotpu train --help"},
		{"train --batch x", 2, "", "invalid argument \"x\" for \"-b, --batch\" flag: want a whole number; see"},
		{"train now", 2, "", `unexpected argument "now"`},
		{"train --preset nope", 2, "", "want one of glyphs, "},
		{"train --batch 100 --temperature -1 --arch vgg", 2, "", "--arch is \"vgg\""},
		{"train --batch 100 --temperature -1 --arch vgg", 2, "", "--temperature is -1"},
		{"train --batch 72 --bn-groups 8", 2, "", "have no common divisor to shuffle by"},
		{"train --devices 3", 2, "", "divides --bn-groups"},
		{"train --keep first=3", 2, "", `"first=3" in it, want last=N, every=STEPS, best or`},
		{"train --keep last=0,best", 2, "", "--keep last is 0, want at least 1 checkpoint"},
		{"train --keep best=loss", 2, "", "--keep best is \"loss\", want one of knn, rank"},
		{"train --jitter=-1,0,0,0", 2, "", "--jitter brightness is -1, want within [0, 10]"},
		{"train --views gone.json", 2, "", "gone.json: there is no such file, want a JSON object"},
		{"eval x --labels-per-class x", 2, "", "invalid argument \"x\" for \"--labels-per-class\" flag: want whole numbers with commas between them"},
		{"train --dim 99999999999999999999", 2, "", "want a number nearer to 0"},
		{"train --window 5,5", 2, "", "mocotpu: --window is \"5,5\", want none: kind glyphs has no 16-bit images"},
		{"report x --watch=x", 2, "", "want a duration with its unit, such as 30s or 5m"},
		{"train --expect loss@2.5<7", 2, "", "a whole number of epochs"},
		{"train --expect knn@1>=145", 2, "", "--expect is knn@1>=145, want a percentage from 0 to 100"},
		{"views --out v5.gif", 2, "", "--out: v5.gif, want a name that ends in .png"},
		{"views --out v5", 2, "", "--out: v5, want a name that ends in .png"},
		{"train --temperature 1e-5 --weight-decay 2", 2, "", "--weight-decay is 2"},
		{"train --processes 2", 2, "", "--coordinator=HOST:PORT and --processes"},
		{"train --coordinator here --processes 2 --process 1", 2, "", "as HOST:PORT: --coordinator"},
		{"train --coordinator here:7700 --processes 2 --process 2", 2, "", "process 2 of 2"},
		{"launch --processes 2", 2, "", "want at least one of train: mocotpu launch"},
		{"launch -- eval", 2, "", "want at least one of train: mocotpu launch"},
		{"launch eval --bogus", 2, "", "want at least one of train: mocotpu launch"},
		{"launch train --processes=4", 2, "", "--processes behind train"},
		{"help data get", 0, "mocotpu data get", ""},
		{"help trian", 2, "", "unexpected argument \"trian\"; did you mean train?"},
		{"completion", 0, "bash", ""},
		{"completion foo", 2, "", "unexpected argument \"foo\""},
		{"completion bash foo", 2, "", "unexpected argument \"foo\""},
		{"train --plugin /x.so", 2, "", "want the engine that plugin /x.so is of"},
		{"train --backend go --data mnist", 2, "", "mocotpu data get mnist"},
		{"train --preset moco-v1 --backend go", 2, "", "data/imagenet: no such folder"},
		{"train --data photos", 2, "", "take --preset=auto, moco-v2"},
		{"train --preset mnist --canvas 64", 2, "", "--canvas is 64"},
		{"train --preset mnist --window 1,2", 2, "", "--window is \"1,2\", want none: kind mnist has no 16-bit images"},
		{"train --preset moco-v2 --window 5", 2, "", "--window is \"5\", want LOW,HIGH, samples of 0 to 65535"},
		{"train --preset moco-v2 --window 99%,1%", 2, "", "--window is \"99%,1%\", want LOW,HIGH"},
		{"train --channels 2", 2, "", "mocotpu: --channels is 2, want 1 (gray) or 3"},
		{"train --backend cpu --plugin " + missing, 2, "", missing},
		{"train --backend tpu", 2, "", "mocotpu compile --topology=v3-8"},
		{"compile", 2, "", "compile: for what?"},
		{"compile --topology v3-9", 2, "", "v3-8 v3-32"},
		{"compile --topology v3-32", 2, "", "--per-device=16, or --bn-groups=32"},
		{"compile --topology v3-8 --devices 16 --bn-groups 16", 2, "", "--devices is 16, and v3-8 has 8"},
		{"compile --topology v3-8 --devices 3", 2, "", "divides --bn-groups"},
		{"compile --topology v3-8 --batch -1", 2, "", "--batch is -1"},
		{"compile --topology v3-8 --emit pdf", 2, "", "want one of report, stablehlo, hlo"},
		{"compile --topology v2-8,v3-8 --emit hlo", 2, "", "is for one target"},
		{"compile --topology v2-8,v3-8 --fit", 2, "", "--fit is for one target, got 2"},
		{"compile --topology v3-8 --time-limit 0s", 2, "", "want more than 0"},
		{"compile --topology v3-8 --per-device -1", 2, "", "want 1 or more"},
		{"compile --topology v3-8 --plugin " + missing, 2, "", missing},
		{"compile --backend go", 2, "", "want cpu or cuda"},
		{"compile --backend cpu --devices 8 --fit", 2, "", "--fit for cpu, whose memory is not known"},
		{"setup gpu", 2, "", "want one of cpu, cuda, tpu"},
		{"data get", 2, "", "want one data set"},
		{"data get imagenet", 2, "", "imagenet"},
		{"data pack", 2, "", "0 arguments, want a folder of images and the folder to make"},
		{"data pack nowhere out", 2, "", "nowhere: no such folder"},
		{"data pack --decoder vlc nowhere out", 2, "", "want go or turbojpeg"},
		{"data pack --canvas 0 nowhere out", 2, "", "--canvas 0"},
		{"data pack --channels 4 nowhere out", 2, "", "--channels is 4, want 1 (gray) or 3"},
		{"data pack --window 9,9 nowhere out", 2, "", "--window is \"9,9\", want LOW,HIGH"},
		{"data doctor --window 9,9 --backend go .", 2, "", "--window is \"9,9\", want LOW,HIGH"},
		{"data pack --split dev nowhere out", 2, "", "want both, train or test"},
		{"data verify nowhere", 2, "", "mocotpu data pack makes a packed set"},
		{"bench step --counts 3 --backend go", 2, "", ""},
	} {
		t.Run(test.args, func(t *testing.T) {
			code, stdout, stderr := call(t, strings.Fields(test.args)...)
			if code != test.code || !strings.Contains(stdout, test.stdout) || !strings.Contains(stderr, test.stderr) {
				t.Errorf("exit code %d, stdout %q, stderr %q, want %d, %q, %q",
					code, stdout, stderr, test.code, test.stdout, test.stderr)
			}
			if code != 0 && stdout != "" {
				t.Errorf("a failure printed %q on stdout", stdout)
			}
		})
	}
	if left, _ := os.ReadDir("."); len(left) != 0 {
		t.Errorf("wrong use left %v behind", left)
	}
}

// tinyRun is the smallest run that the Go engine does in seconds.
var tinyRun = append(strings.Fields("train --backend go --train-images 64 --epochs 2 --log-every 1 --knn-every 2 --knn-ks 1,5"), tinyNetwork...)

// tinyNetwork is its step, as small as that of the trainer's tests.
var tinyNetwork = strings.Fields("--batch 16 --bn-groups 2 --queue 40 --width 2 --dim 8 --image-size 8")

func TestTrainAndGoOn(t *testing.T) {
	t.Chdir(t.TempDir())
	code, stdout, stderr := call(t, append(tinyRun, "--dir", "run", "--steps", "5")...)
	if code != 0 || !strings.Contains(stdout, "untrained   kNN k=1") || !strings.Contains(stdout, "run directory: run") {
		t.Fatalf("exit code %d, stdout %q, stderr %q, want the accuracies of a run", code, stdout, stderr)
	}
	code, stdout, stderr = call(t, "train", "--dir", "run", "--steps", "0", "--json")
	if code != 0 || !strings.Contains(stderr, "going on from step 5 of 8") {
		t.Fatalf("exit code %d, stderr %q, want the run to go on", code, stderr)
	}
	for line := range strings.Lines(stdout) {
		if !json.Valid([]byte(line)) {
			t.Errorf("--json printed %q, want JSON and nothing else", line)
		}
	}
	rows, knn, err := run.ReadMetrics("run")
	if err != nil || len(rows) != 8 || knn[len(knn)-1].Step != 8 {
		t.Errorf("%d rows, evaluations %v, error %v, want 8 rows and an evaluation at the end", len(rows), knn, err)
	}
	code, _, stderr = call(t, "train", "--dir", "run", "--queue", "64")
	if code != 2 || !strings.Contains(stderr, "moco.queue: 40, now 64") {
		t.Errorf("exit code %d, stderr %q, want the changed flag refused", code, stderr)
	}
}

func TestInterrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, talk bytes.Buffer
	code := execute(ctx, append(tinyRun, "--dir", "run"), &out, &talk)
	if code != exitInterrupted || !strings.Contains(talk.String(), "--dir run goes on from there") {
		t.Errorf("exit code %d, stderr %q, want %d and how to go on", code, talk.String(), exitInterrupted)
	}
}

func TestDoctor(t *testing.T) {
	code, stdout, stderr := call(t, "doctor")
	if code != 0 {
		t.Fatalf("exit code %d, stderr %q, want 0: the go engine is always there", code, stderr)
	}
	for _, engine := range []string{"go", "cpu", "cuda", "tpu"} {
		if !strings.Contains(stdout, "\n"+engine+" ") {
			t.Errorf("%q has no row for %s", stdout, engine)
		}
	}
}

// The libraries that an engine loads have their own loggers; a user reads ours.
func TestOpeningIsQuiet(t *testing.T) {
	xlatest.CPU(t, 1)
	opening := exec.CommandContext(t.Context(), os.Args[0])
	opening.Env = append(os.Environ(), child.Variable+"=probe")
	opening.Stdin = strings.NewReader(`"cpu"`)
	var talk bytes.Buffer
	opening.Stderr = &talk
	if out, err := opening.Output(); err != nil || talk.Len() > 0 || !strings.Contains(string(out), `"Devices":1`) {
		t.Errorf("opening the cpu engine: %s, error %v, stderr %q, want no words", out, err, talk.String())
	}
}
