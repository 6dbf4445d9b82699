//go:build cgo

package selftest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/train"
	"github.com/mocotpu/mocotpu/xla"
)

// TestMain lets the test binary be the command that trains.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "train" {
		if err := trainHere(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// trainHere trains what [killedRun] says, on the Go engine. Its first argument is what to do wrong.
func trainHere(args []string) error {
	wrong := args[0]
	c := run.Glyphs()
	c.Data.TrainImages, c.MoCo.Batch, c.MoCo.Groups, c.MoCo.Queue = 64, 16, 8, 32
	c.Encoder.Width, c.Encoder.Dim, c.Views.ImageSize = 2, 8, 16
	c.KNN.Every, c.Run.CheckpointEvery, c.Run.LogEvery, c.Run.Steps = 0, 5, 1, 40
	c.Run.Dir = strings.TrimPrefix(args[len(args)-1], "--dir=")
	c.Engine.Backend = "go"
	killed := filepath.Base(c.Run.Dir) == "killed"
	switch {
	case wrong == "another seed" && killed:
		c.Run.Seed = 2
	case wrong == "no checkpoints" && killed:
		c.Run.CheckpointEvery = 1000
	case wrong == "an error":
		return errors.New("it does not train")
	case !slices.Contains(args, "--backend=go") || !slices.Contains(args, "--devices=1"):
		return fmt.Errorf("%q, want the engine and its devices", args)
	}
	e, err := xla.Open("go", xla.Options{})
	if err != nil {
		return err
	}
	defer e.Close()
	_, err = train.Train(context.Background(), c, train.Machine{Backend: e, Devices: 1}, nil)
	return err
}

// TestKilledRuns has a run that goes on as it should, and runs that do not.
func TestKilledRuns(t *testing.T) {
	for wrong, why := range map[string]string{
		"nothing": "", "another seed": "differs from the undisturbed run's", "no checkpoints": "came to its end before it was killed",
		"an error": "it does not train",
	} {
		m := machineOf(t, "go", 0)
		m.Train = []string{must.M1(os.Executable()), "train", wrong}
		s := newSession(m)
		r := s.do(t.Context(), find(t, "go", "power cut"))
		s.close()
		switch {
		case why == "" && r.Verdict != Pass, why != "" && (r.Verdict != Fail || !strings.Contains(r.Why, why)):
			t.Errorf("%s wrong: %s, %q, want %q", wrong, r.Verdict, r.Why, why)
		}
	}
}
