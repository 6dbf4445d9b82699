package xla_test

import (
	"errors"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// A trace has the operations that the optimized program has, once for each time it ran, and nothing of what ran before or after.
func TestTrace(t *testing.T) {
	e := xlatest.CPU(t, 1)
	sum := must.M1(NewExec(e, func(x *Node) *Node { return ReduceAllSum(Sqrt(x)) })).WithName("sum")
	run := func() error {
		_, err := sum.Call(make([]float32, 1<<16))
		return err
	}
	must.M(run())
	spans, err := e.Trace(func() error { return errors.Join(run(), run()) })
	if err != nil {
		t.Fatal(err)
	}
	must.M(run())
	compiled := e.Programs()
	module := must.M1(compiled[len(compiled)-1].Optimized())
	var ops []string
	for _, c := range module.Computations {
		for _, i := range c.Instructions {
			ops = append(ops, i.Name)
		}
	}
	runs := map[string]int{}
	for _, s := range spans {
		if s.Module != module.Name || !slices.Contains(ops, s.Op) || s.End < s.Start {
			t.Errorf("span %+v, want one of %s with an operation among %v", s, module.Name, ops)
		}
		runs[s.Run]++
	}
	if len(runs) != 2 {
		t.Errorf("spans of %d runs, want 2: %+v", len(runs), spans)
	}
	if spans, err := e.Trace(func() error { return nil }); err != nil || len(spans) != 0 {
		t.Errorf("of nothing: %v, %v", spans, err)
	}
	failed := errors.New("it failed")
	func() {
		defer func() {
			if recover() != failed {
				t.Error("the panic of what was traced is lost")
			}
		}()
		_, _ = e.Trace(func() error { panic(failed) })
	}()
	// Which can be traced again.
	if _, err := e.Trace(func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("error %v, want that of what ran", err)
	}
	again := func() error {
		_, err := e.Trace(run)
		return err
	}
	var x *xla.Error
	if _, err := e.Trace(again); !errors.As(err, &x) || x.Op != "trace" {
		t.Errorf("a trace within a trace: %v, want an error", err)
	}
}

// Only one plugin can be traced: another engine says so, and runs nothing.
func TestTraceUnimplemented(t *testing.T) {
	e := must.M1(xla.Open("go", xla.Options{}))
	defer e.Close()
	var x *xla.Error
	if _, err := e.Trace(func() error { t.Error("it ran"); return nil }); !errors.As(err, &x) || x.Code != xla.Unimplemented {
		t.Errorf("error %v, want Unimplemented", err)
	}
}
