//go:build cgo

package moco_test

import (
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/internal/trial"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestEightMicroBatchesAreEightDevices: eight groups on one device, a micro-batch each, are eight groups on eight devices, and
// eight on one at once.
func TestEightMicroBatchesAreEightDevices(t *testing.T) {
	c := trial.Small()
	c.Micro = 8
	e := xlatest.CPU(t, 1)
	micro := newRunner(t, e, 1, c)
	defer micro.Close()
	program := lastProgram(e)
	run := micro.conditioned().run(t, 5, 0.001)
	for _, devices := range []int{1, 8} {
		compareRuns(t, run, smallStep(t, devices).conditioned().run(t, 5, 0.001), trial.Elsewhere)
	}

	// One piece of program that is compiled once, updates its state in place, and needs less than the whole batch at once.
	if n := strings.Count(program.StableHLO(), `"stablehlo.while"`); n != 2 {
		t.Errorf("%d loops in the program, want one over the keys and one over the queries", n)
	}
	got, whole := memoryOf(t, program), memoryOf(t, smallStep(t, 1).program)
	if want := micro.Store().ByteSize(); got.Aliased != want {
		t.Errorf("%d bytes aliased, want all %d of the state", got.Aliased, want)
	}
	if got.Temporaries > whole.Temporaries/3 {
		t.Errorf("%d bytes of temporaries in eight micro-batches, %d at once: want less than a third", got.Temporaries, whole.Temporaries)
	}
}

func lastProgram(e *xla.Engine) *xla.Program {
	programs := e.Programs()
	return programs[len(programs)-1]
}

func memoryOf(t *testing.T, p *xla.Program) xla.Memory {
	t.Helper()
	m, err := p.Memory()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestMicroBatchesOnDevices: micro-batches are made within a device, whose encoders run on a part of a device's rows, and what
// is shuffled crosses as before. Blocks may be computed again in each.
func TestMicroBatchesOnDevices(t *testing.T) {
	const devices, micro = 4, 2
	c := trial.Small()
	c.Micro, c.Encoder.Remat = micro, resnet.RematBlock
	e := xlatest.CPU(t, devices)
	tr := newRunner(t, e, devices, c)
	defer tr.Close()
	program := lastProgram(e)
	compareRuns(t, tr.conditioned().run(t, 5, 0.001), smallStep(t, 1).conditioned().run(t, 5, 0.001), trial.Elsewhere)

	module, err := program.Optimized()
	if err != nil {
		t.Fatal(err)
	}
	// No layer has 64 channels, so 64 is the batch wherever it stands.
	part, split := int64(c.Batch/devices/micro), 0
	for _, conv := range xlatest.Convolutions(module) {
		if conv.Batch == part {
			split++
		}
		if conv.Batch == int64(c.Batch) {
			t.Errorf("%s runs on all %d images, want the %d of a device's micro-batch", conv.Name, conv.Batch, part)
		}
	}
	if split < 2*12 {
		t.Errorf("%d convolutions over %d images, want at least both encoders' 24", split, part)
	}
	images := int64(0)
	for _, x := range module.Collectives() {
		t.Logf("%d times %s of %d arrays like %v, %d bytes a device: %s", x.Times, x.Op, len(x.Shapes), x.Shapes[0], x.Bytes, x.OpName)
		switch bytes := int64(x.Times) * x.Bytes; {
		case strings.HasPrefix(x.Shapes[0].String(), "u8["):
			images += bytes
		case x.Op == "all-gather" && bytes != int64(4*c.Batch*c.Encoder.Dim):
			t.Errorf("an all-gather gives %d bytes, want the %d of the batch's keys", bytes, 4*c.Batch*c.Encoder.Dim)
		}
	}
	if want := int64(c.Batch / devices * c.ImageSize * c.ImageSize * 3); images != want {
		t.Errorf("the shuffle moves %d bytes of images to a device, want %d", images, want)
	}
}

// symmetric is v2 with both terms of the loss.
func symmetric() moco.Step {
	c := trial.Small()
	variants["v2"](&c)
	c.Symmetric = true
	return c
}

// TestMicroBatchesSymmetric: v2 with both terms of the loss.
func TestMicroBatchesSymmetric(t *testing.T) {
	c := symmetric()
	whole := newRunner(t, xlatest.CPU(t, 8), 8, c)
	defer whole.Close()
	c.Micro = 4
	micro := newRunner(t, xlatest.CPU(t, 1), 1, c)
	defer micro.Close()
	compareRuns(t, micro.conditioned().run(t, 3, 0.001), whole.conditioned().run(t, 3, 0.001), trial.Elsewhere)
}
