package xla_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
)

// TestGoEngineEnds: products that do not depend on each other, more than the engine has workers. Run as operations in
// parallel they take all workers, and then each waits for another one.
func TestGoEngineEnds(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	e := must.M1(xla.Open("go", xla.Options{}))
	t.Cleanup(e.Close)
	ended := make(chan error, 1)
	go func() {
		exec := must.M1(NewExec(e, func(x *Node) *Node {
			var sum *Node
			for i := range 16 {
				a := Slice(x, AxisElem(i), AxisRange(), AxisRange())
				a = Reshape(a, 256, 256)
				p := ReduceAllSum(Dot(a, a).Product())
				if sum == nil {
					sum = p
				} else {
					sum = Add(sum, p)
				}
			}
			return sum
		}))
		x := tensors.FromShape(shapes.Make(dtypes.Float32, 16, 256, 256))
		for range 20 {
			if _, err := exec.Call(x); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the engine's workers wait for each other")
	}
}
