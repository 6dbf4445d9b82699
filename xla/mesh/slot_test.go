package mesh

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/xlatest"
)

const rows = 8

// rowSums compiles scale*sum(images) + sum(params) of each row.
func rowSums(t *testing.T, b compute.Backend, devices int) *Program {
	t.Helper()
	inputs := []Input{
		{Shape: shapes.Make(dtypes.Uint8, rows, 3)},
		{Shape: shapes.Make(dtypes.Float32), Replicated: true},
		{Shape: shapes.Make(dtypes.Float32, rows, 2)},
	}
	p, err := must.M1(New(b, devices)).Compile("rows", model.NewStore(), inputs,
		func(_ *model.Scope, in []*graph.Node) []*graph.Node {
			images := graph.ReduceSum(graph.ConvertDType(in[0], dtypes.Float32), 1)
			return []*graph.Node{graph.Add(graph.Mul(images, in[1]), graph.ReduceSum(in[2], 1))}
		})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// fill puts numbers that follow from n into a slot.
func fill(s *Slot, n, devices int) error {
	return s.Fill(func(device int, parts []any) error {
		images, params := parts[0].([]uint8), parts[2].([]float32)
		if parts[1] != nil || len(images) != 3*rows/devices || len(params) != 2*rows/devices {
			return fmt.Errorf("device %d: parts of %d and %d elements and %v, want an equal share and nil", device, len(images), len(params), parts[1])
		}
		for i := range images {
			images[i] = uint8(n + 3*rows/devices*device + i)
		}
		for i := range params {
			params[i] = float32(n) / 2
		}
		return nil
	})
}

func want(n int, scale float32) []float32 {
	out := make([]float32, rows)
	for i := range out {
		out[i] = scale*float32(3*n+9*i+3) + float32(n)
	}
	return out
}

// TestSlots fills one slot while the other is being run, on every engine, with memory of the devices and of the host.
func TestSlots(t *testing.T) {
	for name, test := range map[string]struct {
		engine  compute.Backend
		devices int
	}{
		"go": {xlatest.Go(t), 1}, "cpu": {xlatest.CPU(t, 1), 1}, "cpu 2": {xlatest.CPU(t, 2), 2}, "cpu 8": {xlatest.CPU(t, 8), 8},
	} {
		for _, shared := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/shared=%t", name, shared), func(t *testing.T) {
				p := rowSums(t, test.engine, test.devices)
				var slots [2]*Slot
				for i := range slots {
					slots[i] = must.M1(p.newSlot(shared))
					defer func() { must.M(slots[i].Close()) }()
				}
				must.M(fill(slots[0], 0, test.devices))
				for n := range 6 {
					next := make(chan error)
					go func() { next <- fill(slots[(n+1)%2], n+1, test.devices) }()
					out, err := p.RunSlot(slots[n%2], tensors.FromScalar(float32(n)))
					if err := errors.Join(err, <-next); err != nil {
						t.Fatal(err)
					}
					must.M(tensors.ConstFlatData(out[0], func(got []float32) {
						if want := want(n, float32(n)); !slices.Equal(got, want) {
							t.Errorf("run %d gave %v, want %v", n, got, want)
						}
					}))
					must.M(out[0].FinalizeAll())
				}
			})
		}
	}
}

func TestRunSlotRefuses(t *testing.T) {
	p, other := rowSums(t, xlatest.Go(t), 1), rowSums(t, xlatest.Go(t), 1)
	s := must.M1(p.NewSlot())
	defer s.Close()
	must.M(fill(s, 1, 1))
	for name, test := range map[string]struct {
		program    *Program
		replicated []*tensors.Tensor
		want       string
	}{
		"another program": {other, []*tensors.Tensor{tensors.FromScalar(float32(1))}, "a slot of another program"},
		"none replicated": {p, nil, "0 replicated inputs"},
		"another shape":   {p, []*tensors.Tensor{tensors.FromFlatDataAndDimensions([]float32{1, 2}, 2)}, "want one of (Float32)"},
	} {
		if _, err := test.program.RunSlot(s, test.replicated...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, test.want)
		}
	}
}

func TestFillPassesErrorsOn(t *testing.T) {
	p := rowSums(t, xlatest.CPU(t, 2), 2)
	s := must.M1(p.NewSlot())
	defer s.Close()
	bad := errors.New("bad")
	err := s.Fill(func(device int, _ []any) error {
		if device == 1 {
			return bad
		}
		return nil
	})
	if !errors.Is(err, bad) {
		t.Errorf("error %v, want that of device 1", err)
	}
}
