//go:build cgo

package moco_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/mocotpu/mocotpu/models/internal/trial"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/hlo"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// small is trial.Small's step compiled for a number of devices, once for all tests: compiling is what takes time.
type small struct {
	runner
	steps   trial.Run // of five steps
	program *xla.Program
	compile int // programs that compiling and the five steps handed to the compiler
}

var (
	smallMu    sync.Mutex
	smallSteps = map[int]*small{}
)

func smallStep(t *testing.T, devices int) *small {
	t.Helper()
	e := xlatest.CPU(t, devices)
	smallMu.Lock()
	defer smallMu.Unlock()
	if s, ok := smallSteps[devices]; ok {
		return s
	}
	before := xlatest.Programs(e)
	s := &small{runner: newRunner(t, e, devices, trial.Small())}
	programs := e.Programs()
	s.program = programs[len(programs)-1]
	s.steps = s.runner.run(t, 5, 0.05)
	s.compile = xlatest.Programs(e) - before
	smallSteps[devices] = s
	return s
}

// TestEightDevicesGiveTheNumbersOfOne is the promise of the global view: 8 groups on one device are 8 replicas.
func TestEightDevicesGiveTheNumbersOfOne(t *testing.T) {
	compareRuns(t, smallStep(t, 8).conditioned().run(t, 5, 0.001), smallStep(t, 1).conditioned().run(t, 5, 0.001), trial.Elsewhere)
}

// TestGoEngineGivesTheNumbersOfXLA compares two engines that share no code below GoMLX's graph.
func TestGoEngineGivesTheNumbersOfXLA(t *testing.T) {
	goTrial := newRunner(t, xlatest.Go(t), 1, trial.Small())
	defer goTrial.Close()
	const lr = 0.001
	compareRuns(t, goTrial.conditioned().run(t, 5, lr), smallStep(t, 1).conditioned().run(t, 5, lr), trial.Elsewhere)
}

func TestTwoRunsAreIdentical(t *testing.T) {
	for _, devices := range []int{1, 8} {
		s := smallStep(t, devices)
		if err := trial.Same(s.run(t, 5, 0.05), s.steps); err != nil {
			t.Errorf("%d devices: %v", devices, err)
		}
	}
}

// TestCompiledOnce counts programs, and builds the step a second time, which must give the same text.
func TestCompiledOnce(t *testing.T) {
	s := smallStep(t, 1)
	want := 1
	if step.Invariants {
		want = 2 // and the shuffle, to check it
	}
	if s.compile != want {
		t.Errorf("five steps compiled %d programs, want %d", s.compile, want)
	}
	e := xlatest.CPU(t, 1)
	newRunner(t, e, 1, trial.Small()).Close()
	programs := e.Programs()
	if programs[len(programs)-1].StableHLO() != s.program.StableHLO() {
		t.Error("building the step twice gave two program texts")
	}
}

// TestCollectives reads from the compiled program what crosses between devices: the key images as uint8 there, the
// features back, the keys into every queue, and all sums at once.
func TestCollectives(t *testing.T) {
	s := smallStep(t, 8)
	c := s.Definition()
	module, err := s.program.Optimized()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]hlo.Collective{}
	for _, c := range module.Collectives() {
		t.Logf("%s of %d arrays like %v, %d bytes a device", c.Op, len(c.Shapes), c.Shapes[0], c.Bytes)
		found[c.Op] = append(found[c.Op], c)
	}
	count := func(op string, want int) {
		t.Helper()
		if got := len(found[op]); got != want {
			t.Errorf("%d %s, want %d", got, op, want)
		}
	}
	count("all-to-all", 2)
	count("all-gather", 1)
	count("all-reduce", 1)
	if len(found) != 3 {
		t.Errorf("kinds of collectives %v, want only those three", found)
	}
	images := 0
	for _, a := range found["all-to-all"] {
		if strings.HasPrefix(a.Shapes[0].String(), "u8[") {
			images++
			if want := int64(c.Batch / 8 * c.ImageSize * c.ImageSize * 3); a.Bytes != want {
				t.Errorf("the images' all-to-all moves %d bytes a device, want %d", a.Bytes, want)
			}
		}
	}
	if images != 1 {
		t.Errorf("%d all-to-all of uint8 images, want 1", images)
	}
	for _, gather := range found["all-gather"] {
		if want := int64(4 * c.Batch * c.Encoder.Dim); gather.Bytes != want {
			t.Errorf("the keys' all-gather gives %d bytes, want %d: the batch's keys and no more", gather.Bytes, want)
		}
	}
}

// TestRematOnEightDevices: computing blocks again costs no exchange among the devices, and changes no number.
func TestRematOnEightDevices(t *testing.T) {
	c := trial.Small()
	c.Encoder.Remat = resnet.RematBlock
	e := xlatest.CPU(t, 8)
	again := newRunner(t, e, 8, c)
	defer again.Close()
	programs := e.Programs()
	module, err := programs[len(programs)-1].Optimized()
	if err != nil {
		t.Fatal(err)
	}
	if found := module.Collectives(); len(found) != 4 {
		t.Errorf("%d collectives, want the four of the step that keeps everything: %v", len(found), found)
	}
	compareRuns(t, again.conditioned().run(t, 2, 0.001), smallStep(t, 8).conditioned().run(t, 2, 0.001), trial.Elsewhere)
}

// TestNoYNNFusions: none of YNNPACK's fusions, which the engine leaves out (see xla), is in the compiled step.
func TestNoYNNFusions(t *testing.T) {
	for _, devices := range []int{1, 8} {
		_, program, err := smallStep(t, devices).program.Serialized()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(program, []byte("__ynn_fusion")) {
			t.Errorf("%d devices: the step holds a __ynn_fusion", devices)
		}
	}
}

// TestEncodersAreSplit looks for the trap of design: a key encoder that every device runs over the whole batch.
func TestEncodersAreSplit(t *testing.T) {
	s := smallStep(t, 8)
	module, err := s.program.Optimized()
	if err != nil {
		t.Fatal(err)
	}
	// No layer has 64 channels, so 64 is the batch wherever it stands.
	batch, share, split := int64(s.Definition().Batch), int64(s.Definition().Batch/8), 0
	for _, conv := range xlatest.Convolutions(module) {
		if conv.Batch == batch {
			t.Errorf("%s runs on all %d images on every device: the encoder is replicated", conv.Name, batch)
		}
		if conv.Batch == share {
			split++
		}
	}
	if want := 2 * 12; split < want {
		t.Errorf("%d convolutions over a device's %d images, want at least both encoders' %d", split, share, want)
	}
}

// Our plugin takes the gradients of convolutions as autodiff writes them. XLA would transpose what they are made of, which
// takes longer than they do.
func TestGradientsAreNotTransposed(t *testing.T) {
	s := smallStep(t, 1)
	if version := xlatest.CPU(t, 1).PluginVersion(); !strings.Contains(version, "onednn") {
		t.Skipf("the cpu plugin is %s, not ours", version)
	}
	module, err := s.program.Optimized()
	if err != nil {
		t.Fatal(err)
	}
	gradients := 0
	for _, c := range module.Computations {
		for _, i := range c.Instructions {
			if i.Opcode != "convolution" || !strings.HasPrefix(i.OpName, "backward/") {
				continue
			}
			gradients++
			if i.Conv.InputBatch == 0 && i.Conv.KernelInput == 2 {
				t.Errorf("%s is made of transposed arrays: its axes are in the order that XLA's own code wants", i.OpName)
			}
		}
	}
	if gradients != 12+11 { // of kernels and of inputs; the images have none
		t.Errorf("%d gradients of convolutions, want 23", gradients)
	}
}

func TestStateIsDonated(t *testing.T) {
	for _, devices := range []int{1, 8} {
		s := smallStep(t, devices)
		memory, err := s.program.Memory()
		if err != nil {
			t.Fatal(err)
		}
		want := s.Store().ByteSize()
		if memory.Aliased != want {
			t.Errorf("%d devices: %d bytes aliased, want all %d of the state", devices, memory.Aliased, want)
		}
	}
}
