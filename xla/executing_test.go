package xla_test

import (
	"testing"
	"time"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// Executions and their arguments are counted, and their time is within that of the calls.
func TestExecuting(t *testing.T) {
	e := xlatest.CPU(t, 1)
	product := must.M1(NewExec(e, func(x, y *Node) *Node { return Dot(x, Dot(x, y).Product()).Product() }))
	const n = 256
	x, y := tensors.FromValue(make2D(n)), tensors.FromValue(make2D(n))
	must.M1(product.Call(x, y)) // compiles
	before, start := e.Executing(), time.Now()
	const runs = 3
	for range runs {
		must.M1(product.Call(x, y))
	}
	did, took := e.Executing().Sub(before), time.Since(start)
	if did.Programs != runs || did.Arguments != 2*runs {
		t.Errorf("%d executions with %d arguments, want %d with %d", did.Programs, did.Arguments, runs, 2*runs)
	}
	if did.Time <= 0 || did.Time > took {
		t.Errorf("%v of %v executing, want a part of it", did.Time, took)
	}
	goEngine := must.M1(xla.Open("go", xla.Options{}))
	defer goEngine.Close()
	if did := goEngine.Executing(); did != (xla.Executing{}) {
		t.Errorf("the go engine has executed %+v, want nothing", did)
	}
}

func make2D(n int) [][]float32 {
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = make([]float32, n)
	}
	return rows
}
