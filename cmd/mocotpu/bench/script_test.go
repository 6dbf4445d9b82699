package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/run"
)

// fakePython writes a program that stands in for Python and returns its path.
func fakePython(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// What a script prints is decoded; what keeps it from answering is the reason why there are no times.
func TestScriptAnswers(t *testing.T) {
	path := fakePython(t, `case "$1$2" in */peer/x.py'{"what":"step"}') ;; *) exit 3 ;; esac
[ "$ASKED" = yes ] && echo '{"versions":{"torch":"9.9"},"ms":[1,2]}'`)
	a, err := python{path: path, dir: "in", env: []string{"ASKED=yes"}}.ask(t.Context(), "x.py", map[string]string{"what": "step"})
	if err != nil || a.Versions["torch"] != "9.9" || fmt.Sprint(a.MS) != "[1 2]" || a.Missing != "" {
		t.Errorf("answer %+v, error %v", a, err)
	}
	for _, test := range []struct{ name, python, want string }{
		{"no Python", filepath.Join(t.TempDir(), "none"), "no such file"},
		{"fails", fakePython(t, `echo Traceback >&2; echo 'OSError: no libc' >&2; exit 1`), "exit status 1: OSError: no libc"},
		{"fails without a word", fakePython(t, `exit 4`), "exit status 4"},
		{"no JSON", fakePython(t, `echo hello`), "the answer is no JSON"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, err := python{path: test.python}.ask(t.Context(), "x.py", peerCase{})
			if err != nil || !strings.Contains(a.Missing, test.want) || !strings.Contains(a.Missing, test.python) {
				t.Errorf("answer %+v, error %v, want %q and the program's name", a, err, test.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (python{path: path}).ask(ctx, "x.py", peerCase{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled: an interruption is no script's failure", err)
	}
}

// The clock counts warm-up, ends after the timed steps or the budget, with one at least, and refuses what is no loss.
func TestClock(t *testing.T) {
	for _, test := range []struct {
		name    string
		seconds float64
		want    int // steps
	}{
		{"all", 1000, 5},
		{"budget", -1, 3},
	} {
		c := clock{pace: pace{Warmup: 2, Repeat: 3, Seconds: test.seconds}, began: time.Now()}
		steps := 0
		for more := true; more; steps++ {
			more = must.M1(c.tick(float32(steps), time.Duration(steps+1)*time.Millisecond))
		}
		if steps != test.want || len(c.answer.MS) != test.want-2 || len(c.answer.Losses) != test.want || c.answer.Losses[2] != 2 || c.answer.FirstMS != 1 || c.answer.MS[0] != 3 {
			t.Errorf("%s: %d steps, answer %+v, want %d steps, two of them warming up", test.name, steps, c.answer, test.want)
		}
	}
	for _, loss := range []float64{math.NaN(), math.Inf(1)} {
		var c clock
		if _, err := c.tick(float32(loss), 1); err == nil || !strings.Contains(err.Error(), "the loss of step 0 is "+fmt.Sprint(loss)) {
			t.Errorf("loss %v: error %v", loss, err)
		}
	}
}

// A start holds each parameter of the query encoder, the queue and a batch, the same whenever it is made.
func TestStart(t *testing.T) {
	c := run.Glyphs()
	c.Encoder.Width, c.MoCo.Batch, c.MoCo.Groups, c.MoCo.Queue, c.Views.ImageSize = 4, 16, 2, 32, 8
	step := c.Step()
	path, again := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	must.M(writeStart(path, step, 3))
	must.M(writeStart(again, step, 3))
	if !bytes.Equal(must.M1(os.ReadFile(path)), must.M1(os.ReadFile(again))) {
		t.Error("two starts of one seed differ")
	}
	all, _, err := safetensors.ReadFile(path)
	must.M(err)
	shapes := map[string]string{}
	for _, tensor := range all {
		shapes[tensor.Name] = tensor.DType + fmt.Sprint(tensor.Shape)
	}
	for name, want := range map[string]string{
		"conv1.weight": "F32[3 3 3 4]", "layer4.0.bn2.bias": "F32[32]", "fc.weight": "F32[128 32]",
		"queue": "F32[32 128]", "images": "U8[16 8 8 3]", "bn1.running_mean": "",
	} {
		if shapes[name] != want {
			t.Errorf("%s is %q, want %q", name, shapes[name], want)
		}
	}
	images := must.M1(readStartImages(path))
	if len(images) != 16*8*8*3 || bytes.Count(images, []byte{images[0]}) == len(images) {
		t.Errorf("%d bytes of images, want %d of noise", len(images), 16*8*8*3)
	}
}
