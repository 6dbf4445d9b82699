package xla_test

import (
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/janpfeifer/must"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// Who sees a program before the compiler does may ask the engine: no lock of its is held.
func TestBeforeCompileMayAsk(t *testing.T) {
	e := xlatest.CPU(t, 1)
	before := xlatest.Programs(e)
	asked := -1
	e.BeforeCompile(func(*xla.Program) error {
		asked = xlatest.Programs(e)
		return nil
	})
	defer e.BeforeCompile(nil)
	must.M1(must.M1(NewExec(e, func(x *Node) *Node { return MulScalar(x, 17) })).Call(tensors.FromValue([]float32{1})))
	if asked != before {
		t.Errorf("the callback saw %d compiled programs, want %d", asked, before)
	}
}
