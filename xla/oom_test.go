package xla_test

import (
	"errors"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// A program that the machine has no memory for fails with that code and the program, which can still be read.
func TestOutOfMemory(t *testing.T) {
	e := xlatest.CPU(t, 1)
	const n = 1 << 23
	huge := must.M1(NewExec(e, func(x *Node) *Node {
		return BroadcastToDims(AddScalar(x, 1), n, n)
	}))
	_, err := huge.Call(tensors.FromValue([]float32{1}))
	var failed *xla.Error
	if !errors.As(err, &failed) || failed.Code != xla.ResourceExhausted || failed.Program == nil {
		t.Fatalf("error %v, want RESOURCE_EXHAUSTED with the program", err)
	}
	if m := must.M1(failed.Program.Memory()); m.Outputs != 4*n*n {
		t.Errorf("memory %+v, want %d bytes of outputs", m, int64(4*n*n))
	}
}
