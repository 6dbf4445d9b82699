package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/train"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// exhausted runs a program whose result no machine has the memory for.
func exhausted(t *testing.T, e *xla.Engine) error {
	t.Helper()
	const side = 1 << 23
	huge := must.M1(graph.NewExec(e, func(x *graph.Node) *graph.Node { return graph.BroadcastToDims(graph.AddScalar(x, 1), side, side) }))
	_, err := huge.Call(tensors.FromValue([]float32{1}))
	if err == nil {
		t.Fatal("a result of 2^48 bytes has room")
	}
	return fmt.Errorf("run: step 1: %w", err)
}

// A program that was compiled and had no room when it ran comes with its memory and with what would take less.
func TestOutOfMemoryInRunning(t *testing.T) {
	e := must.M1(xla.Open("cpu", xla.Options{Devices: xlatest.CPU(t, 1).NumDevices()}))
	defer e.Close()
	c := run.Glyphs()
	var talk bytes.Buffer
	err := machine.ExplainMemory(&talk, e, c, exhausted(t, e))
	if exitCode(t.Context(), err) != exitTooBig {
		t.Errorf("exit code %d, want %d: %v", exitCode(t.Context(), err), exitTooBig, err)
	}
	for _, want := range []string{"run: step 1", "RESOURCE_EXHAUSTED", "it does not fit the memory of the cpu engine"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	for _, want := range []string{
		"glyphs: resnet10 of width 16", "had too little memory left to run it", "memory of a device, MiB", "outputs          268435456.0",
		"--precision=bfloat16: about 52 %", "--remat=block", "--batch=64: 64 images a device",
	} {
		if !strings.Contains(talk.String(), want) {
			t.Errorf("no %q in\n%s", want, talk.String())
		}
	}
}

// Where the compiler gave up, or a copy found no room, the report says what is known.
func TestOutOfMemoryElsewhere(t *testing.T) {
	e := must.M1(xla.Open("cpu", xla.Options{Devices: xlatest.CPU(t, 1).NumDevices()}))
	defer e.Close()
	c := run.Glyphs()
	failed := &xla.Error{Op: "copy from host", Code: xla.ResourceExhausted, Msg: "Out of memory allocating 12 bytes"}
	var talk bytes.Buffer
	if err := machine.ExplainMemory(&talk, e, c, failed); exitCode(t.Context(), err) != exitTooBig || talk.Len() > 0 {
		t.Errorf("before a program: error %v, report %q, want exit code 3 and none", err, talk.String())
	}
	must.M1(must.M1(graph.NewExec(e, func(x *graph.Node) *graph.Node { return graph.Neg(x) })).Call(tensors.FromValue([]float32{1})))
	failed.Program = e.Programs()[0]
	e.Release() // as if it had not been compiled
	err := machine.ExplainMemory(&talk, e, c, failed)
	if !errors.Is(err, machine.ErrTooBig) || !strings.Contains(talk.String(), "the compiler found no way") || !strings.Contains(talk.String(), "allocating 12 bytes") {
		t.Errorf("error %v, report\n%s\nwant the compiler's words", err, talk.String())
	}
}

// Other errors stay as they are.
func TestExplainMemoryLeavesOthers(t *testing.T) {
	for _, err := range []error{nil, io.EOF, train.ErrInterrupted, &xla.Error{Op: "execute", Code: xla.Internal}} {
		var talk bytes.Buffer
		if got := machine.ExplainMemory(&talk, nil, run.Glyphs(), err); got != err || talk.Len() > 0 {
			t.Errorf("%v became %v with %q", err, got, talk.String())
		}
	}
}
