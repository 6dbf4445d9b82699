//go:build cgo

package train

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

	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/rendezvous"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// member is the machine of one of several processes.
func member(e *xla.Engine, m *rendezvous.Meeting) Machine {
	machine := machineOf(e)
	machine.Peers = m
	return machine
}

// sharedDir is a folder that the processes of a test see.
func sharedDir(t *testing.T) string {
	t.Helper()
	const variable = "MOCOTPU_TEST_DIR"
	if os.Getenv(variable) == "" {
		t.Setenv(variable, t.TempDir())
	}
	return os.Getenv(variable)
}

// small is a run that four devices share, of three steps with an evaluation before and after.
func small(dir string) run.Config {
	c := tiny(dir)
	c.Data.TrainImages = 100
	c.MoCo.Batch, c.MoCo.Groups, c.MoCo.Queue = 32, 4, 96
	c.Run.Epochs, c.Run.LogEvery, c.Run.CheckpointEvery = 1, 1, 0
	return c
}

// exchanges are the collectives of the step that an engine has compiled last, each with the devices that exchange.
func exchanges(t *testing.T, e *xla.Engine) string {
	t.Helper()
	programs := slices.Clone(e.Programs())
	slices.Reverse(programs)
	at := slices.IndexFunc(programs, func(p *xla.Program) bool { return strings.HasPrefix(p.Name, "step") })
	if at < 0 {
		t.Fatal("no step was compiled")
	}
	var all []string
	for _, c := range must.M1(programs[at].Optimized()).Collectives() {
		all = append(all, fmt.Sprintf("%s of %d bytes among %v", c.Op, c.Bytes, c.Groups))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// testTrainOver holds a run of several processes to that of one, bit for bit, and its program's collectives to the same four.
func testTrainOver(t *testing.T, processes, devices, steps int, configuration func(dir string) run.Config) {
	dir := filepath.Join(sharedDir(t), "run")
	outputs, parent := xlatest.Processes(t, processes, devices, func(t *testing.T, e *xla.Engine, m *rendezvous.Meeting) {
		c := configuration(dir)
		if m.Index() > 0 {
			c.Run.Dir = "nowhere" // process 0's is the run's
		}
		var r recorder
		result, err := Train(t.Context(), c, member(e, m), &r)
		if err != nil || result.Steps != steps {
			t.Fatalf("%d steps, %v", result.Steps, err)
		}
		if m.Index() > 0 && len(r.rows)+len(r.knn)+len(r.notes) > 0 || len(r.steps) != steps {
			t.Errorf("process %d tells of %d rows, %d evaluations, %q and %v", m.Index(), len(r.rows), len(r.knn), r.notes, r.steps)
		}
		fmt.Printf("exchanges: %s\n", exchanges(t, e))
	})
	if !parent {
		return
	}
	one := configuration(filepath.Join(t.TempDir(), "one"))
	must.M1(Train(t.Context(), one, machineOf(xlatest.CPU(t, processes*devices)), nil))
	wantSameRun(t, dir, one.Run.Dir)
	alone := exchanges(t, xlatest.CPU(t, processes*devices))
	if n := strings.Count(alone, "among [[0 1 2 3]]"); n != 4 || strings.Count(alone, "among") != n || strings.Count(alone, "all-to-all") != 2 ||
		!strings.Contains(alone, "all-gather") || !strings.Contains(alone, "all-reduce") {
		t.Errorf("one process's step has %s, want two all-to-all, an all-gather and an all-reduce among all devices", alone)
	}
	for i, output := range outputs {
		if !strings.Contains(output, "exchanges: "+alone+"\n") {
			t.Errorf("process %d says\n%s\nwant the exchanges of one process's step, %s", i, output, alone)
		}
	}
	if _, err := os.Stat("nowhere"); err == nil {
		t.Error("another process than the first made a directory")
	}
}

// evaluated is small with evaluations every so many epochs, 0 for none.
func evaluated(every int) func(dir string) run.Config {
	return func(dir string) run.Config {
		c := small(dir)
		c.KNN.Every = every
		return c
	}
}

func TestTrainOverTwoProcessesOfTwoDevices(t *testing.T) { testTrainOver(t, 2, 2, 3, evaluated(1)) }
func TestTrainOverFourProcesses(t *testing.T)            { testTrainOver(t, 4, 1, 3, evaluated(0)) }

// TestStopOverProcesses has process 1 wish to stop: both stop after the same step, with a checkpoint.
func TestStopOverProcesses(t *testing.T) {
	dir := filepath.Join(sharedDir(t), "run")
	long := func(dir string) run.Config {
		c := small(dir)
		c.Run.Epochs, c.Run.CheckpointEvery, c.KNN.Every = 10, 1000, 0
		return c
	}
	outputs, parent := xlatest.Processes(t, 2, 1, func(t *testing.T, e *xla.Engine, m *rendezvous.Meeting) {
		ctx, cancel := context.WithCancel(t.Context())
		r := recorder{onStep: func(done int) {
			if done == 3 && m.Index() == 1 {
				cancel()
			}
		}}
		result, err := Train(ctx, long(dir), member(e, m), &r)
		if !errors.Is(err, ErrInterrupted) || m.Stopped() == nil || m.Stopped().By != 1 {
			t.Errorf("error %v, stopped as %+v, want an interruption by process 1", err, m.Stopped())
		}
		fmt.Printf("result: %d\n", result.Steps)
		cancel()
	})
	if !parent || t.Failed() {
		return
	}
	saved := must.M1(checkpoint.Load(dir)).State.Step
	for i, output := range outputs {
		if want := fmt.Sprintf("result: %d\n", saved); !strings.Contains(output, want) || saved < 4 || saved >= 30 {
			t.Errorf("process %d says\n%s, want %q, as the checkpoint does, after step 3 and before the end", i, output, want)
		}
	}
}

// TestGoOnOverProcesses has two processes go on with a run of one, which only process 0 can see.
func TestGoOnOverProcesses(t *testing.T) {
	dir := sharedDir(t)
	begun, whole := filepath.Join(dir, "begun"), filepath.Join(dir, "whole")
	config := func(dir string) run.Config {
		c := small(dir)
		c.KNN.Every = 0
		return c
	}
	if _, err := os.Stat(dir + "/whole"); err != nil {
		machine := machineOf(xlatest.CPU(t, 2))
		c := config(begun)
		c.Run.Steps = 2
		must.M1(Train(t.Context(), c, machine, nil))
		must.M1(Train(t.Context(), config(whole), machine, nil))
	}
	_, parent := xlatest.Processes(t, 2, 1, func(t *testing.T, e *xla.Engine, m *rendezvous.Meeting) {
		c := config(begun)
		if m.Index() > 0 {
			c.Run.Dir = filepath.Join(t.TempDir(), "elsewhere")
		}
		if result, err := Train(t.Context(), c, member(e, m), nil); err != nil || result.Steps != 3 {
			t.Errorf("%d steps, %v", result.Steps, err)
		}
	})
	if parent {
		wantSameRun(t, begun, whole)
	}
}

// TestOtherRunIsRefused: a process with other settings, images or versions says in what before the first step, and the
// others are told.
func TestOtherRunIsRefused(t *testing.T) {
	dir := filepath.Join(sharedDir(t), "run")
	_, parent := xlatest.Processes(t, 2, 1, func(t *testing.T, e *xla.Engine, m *rendezvous.Meeting) {
		c, machine := small(dir), member(e, m)
		if m.Index() == 0 {
			_, err := Train(t.Context(), c, machine, nil)
			if !errors.Is(err, rendezvous.ErrLost) || !strings.Contains(err.Error(), m.Name(1)+": train: ") || !strings.Contains(err.Error(), "optim.lr") {
				t.Errorf("process 0: error %v, want process 1's", err)
			}
			return
		}
		c.Optim.LR, c.Data.TrainImages = c.Optim.LR/2, c.Data.TrainImages-1
		machine.Versions = map[string]string{"engine": "cpu", "mocotpu": "v9"}
		_, err := Train(t.Context(), c, machine, nil)
		if !errors.Is(err, ErrOtherRun) {
			t.Fatalf("process 1: error %v, want one of another configuration", err)
		}
		for _, want := range []string{"optim.lr: 0.06, here 0.03", "data.train_images: 100, here 99", `version of mocotpu: "", here "v9"`, "images: checksum"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("process 1: error %v, want one that says %q", err, want)
			}
		}
		m.Abort(err.Error())
	})
	if parent {
		if _, _, err := run.ReadMetrics(dir); err != nil {
			t.Error(err)
		}
	}
}

// TestTrainFilesOverProcesses reads image files, each process those of its own device and, for their shapes, those that the
// shuffle brings: the same run as one process's.
func TestTrainFilesOverProcesses(t *testing.T) {
	shared := sharedDir(t)
	dir, images := filepath.Join(shared, "run"), filepath.Join(shared, "images")
	config := func(dir string) run.Config {
		c := small(dir) // the program of other tests, whose images are as large
		c.Data = dataset.Config{Kind: "folder", Dir: images, Canvas: 32}
		return c
	}
	if _, err := os.Stat(images); err != nil {
		must.M(os.Rename(imageNet(t, 100, 20), images))
	}
	_, parent := xlatest.Processes(t, 2, 1, func(t *testing.T, e *xla.Engine, m *rendezvous.Meeting) {
		if result, err := Train(t.Context(), config(dir), member(e, m), nil); err != nil || result.Steps != 3 {
			t.Errorf("%d steps, %v", result.Steps, err)
		}
	})
	if !parent {
		return
	}
	one := config(filepath.Join(t.TempDir(), "one"))
	must.M1(Train(t.Context(), one, machineOf(xlatest.CPU(t, 2)), nil))
	wantSameRun(t, dir, one.Run.Dir)
}

// TestFailingProcess has process 1's images cut short while it trains: it says so, and process 0's step fails or is told.
func TestFailingProcess(t *testing.T) {
	shared := sharedDir(t)
	packs := [2]string{filepath.Join(shared, "images0"), filepath.Join(shared, "images1")}
	if _, err := os.Stat(packs[1]); err != nil {
		pack := packAll(t, imageNet(t, 120, 0), 20)
		for _, dir := range packs {
			must.M(os.CopyFS(dir, os.DirFS(pack)))
		}
	}
	xlatest.Processes(t, 2, 1, func(t *testing.T, e *xla.Engine, m *rendezvous.Meeting) {
		c := tinyFolder(t, packs[m.Index()])
		c.Run.Dir, c.Run.Epochs, c.KNN.Every = filepath.Join(shared, "run"), 1000, 0
		r := recorder{onStep: func(done int) {
			if done == 3 && m.Index() == 1 {
				must.M(os.Truncate(filepath.Join(packs[1], "train", "images.npy"), 4096))
			}
		}}
		_, err := Train(t.Context(), c, member(e, m), &r)
		if m.Index() == 1 {
			if err == nil || !strings.Contains(err.Error(), "reading the mapped files") {
				t.Errorf("process 1: error %v, want that of its files", err)
			}
			m.Abort(err.Error())
			return
		}
		var failed *xla.Error
		if !errors.Is(err, rendezvous.ErrLost) && !errors.As(err, &failed) {
			t.Errorf("process 0: error %v, want that of the exchange or of the run", err)
		}
		<-m.Lost()
		if why := m.Why().Error(); !strings.Contains(why, m.Name(1)+": ") || !strings.Contains(why, "reading the mapped files") {
			t.Errorf("process 0 hears %q, want process 1's words", why)
		}
	})
}
