//go:build cgo

package train

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestResumeElsewhere goes on with a run on another number of devices, on another engine and in micro-batches, with the same
// groups. The four steps that follow differ from an undisturbed run's by rounding, which training amplifies.
func TestResumeElsewhere(t *testing.T) {
	c := tiny("")
	c.KNN.Every, c.Run.LogEvery, c.Run.Keep.Last = 0, 1, 9
	one := machineOf(xlatest.CPU(t, 1))
	c.Run.Dir = t.TempDir()
	must.M1(Train(t.Context(), c, one, &recorder{}))
	whole := c.Run.Dir
	wantRows, _ := must.M2(run.ReadMetrics(whole))
	want := must.M1(checkpoint.Load(whole))
	for _, test := range []struct {
		name        string
		machine     Machine
		micro       int
		loss, state float64 // largest relative differences: of a loss, of a tensor of the state by its L2 norm
	}{
		{"on the same", one, 0, 0, 0},
		{"on two devices", machineOf(xlatest.CPU(t, 2)), 0, parity.Elsewhere, parity.GradientElsewhere},
		{"on the go engine", machineOf(xlatest.Go(t)), 0, parity.Elsewhere, parity.GradientElsewhere},
		{"in micro-batches", one, 2, parity.Elsewhere, parity.GradientElsewhere},
	} {
		t.Run(test.name, func(t *testing.T) {
			c.Run.Dir = filepath.Join(t.TempDir(), "run")
			must.M(os.CopyFS(c.Run.Dir, os.DirFS(whole)))
			must.M(os.WriteFile(filepath.Join(c.Run.Dir, "LAST"), []byte(checkpoint.Name(4)+"\n"), 0o644))
			var r recorder
			c.MoCo.Micro = test.micro
			must.M1(Train(t.Context(), c, test.machine, &r))
			notes := strings.Join(r.notes, "\n")
			if !strings.Contains(notes, "going on from step 4 of 8") || strings.Contains(notes, "moco.micro: 0, now 2") != (test.micro == 2) {
				t.Fatalf("notes %q, want that it goes on, and in micro-batches where it does", r.notes)
			}
			if got, want := metricsWithoutTimes(c.Run.Dir), metricsWithoutTimes(whole); test.loss == 0 && got != want {
				t.Errorf("metrics\n%s\nwant the same as\n%s", got, want)
			}
			rows, _ := must.M2(run.ReadMetrics(c.Run.Dir))
			worst := 0.0
			for i, want := range wantRows {
				worst = max(worst, math.Abs(float64(rows[i].Loss-want.Loss)/float64(want.Loss)))
			}
			if !(worst <= test.loss) {
				t.Errorf("a loss differs by %.2g, want at most %.2g", worst, test.loss)
			}
			state, where := worstTensor(must.M1(checkpoint.Load(c.Run.Dir)).Tensors, want.Tensors)
			if !(state <= test.state) {
				t.Errorf("%s differs by %.2g, want at most %.2g", where, state, test.state)
			}
			t.Logf("largest relative difference of a loss %.2g, of a tensor %.2g (%s)", worst, state, where)
		})
	}
}

func machineOf(e *xla.Engine) Machine {
	return Machine{Backend: e, Devices: e.NumDevices(), Versions: map[string]string{"engine": e.EngineName()}}
}

// worstTensor is the largest |a-b|/|b| of float tensors, and its name.
func worstTensor(got, want []safetensors.Tensor) (worst float64, name string) {
	for i, b := range want {
		if b.DType != "F32" {
			continue
		}
		if d := parity.Compare(float32s(got[i].Data), float32s(b.Data)).RelL2; d > worst {
			worst, name = d, b.Name
		}
	}
	return worst, name
}

func float32s(data []byte) []float32 {
	values := make([]float32, len(data)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return values
}
