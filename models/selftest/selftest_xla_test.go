//go:build cgo

package selftest

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// machineOf is this machine with an engine of so many devices, without a command that trains: what is tested by that, package
// main tests.
func machineOf(t testing.TB, name string, devices int) Machine {
	t.Helper()
	if name == "cpu" {
		xlatest.CPU(t, 1) // skips where there is none
	}
	return Machine{
		Open: func(o Opening) (Engine, error) {
			options := xla.Options{Devices: devices, TF32: o.TF32, Programs: xlatest.Kept()}
			if o.Programs != "" {
				options.Programs = &programs.Store{Dir: o.Programs}
			}
			return xla.Open(name, options)
		},
		Planned: func(e Engine) (Memory, error) {
			programs := e.(*xla.Engine).Programs()
			m, err := programs[len(programs)-1].Memory()
			if err != nil {
				return Memory{}, errors.Join(ErrUnknown, err)
			}
			return Memory{Arguments: m.Arguments, Outputs: m.Outputs, Aliased: m.Aliased, Temporaries: m.Temporaries}, nil
		},
		Used:        func(Engine) (int64, int64, error) { return 0, 0, ErrUnknown },
		OutOfMemory: func(err error) bool { return errors.Is(err, errNoMemory) },
	}
}

var errNoMemory = errors.New("no memory")

// TestRecorded holds the CPU engine to all that was recorded of PyTorch, but for steps in bfloat16, which make nightly has.
func TestRecorded(t *testing.T) {
	s := newSession(machineOf(t, "cpu", 8))
	defer s.close()
	for _, name := range []string{"encoder, float32", "step, float32", "views", "encoder, bfloat16"} {
		if r := s.do(t.Context(), find(t, "cpu", name)); r.Verdict != Pass {
			t.Errorf("%s: %s, %s", name, r.Verdict, r.Why)
		} else {
			t.Logf("%s: %v in %.1f s", name, r.Figures, r.Seconds)
		}
	}
}

// TestRecordedSize bounds what the recorded numbers add to the program.
func TestRecordedSize(t *testing.T) {
	const most = 2 << 20
	size, recorded := 0, newSession(Machine{}).recorded
	for _, entry := range must.M1(fs.ReadDir(recorded, ".")) {
		size += len(must.M1(fs.ReadFile(recorded, entry.Name())))
	}
	if size == 0 || size > most {
		t.Errorf("%d bytes, want at most %d", size, most)
	}
}

// TestPresetsAreTheRecordedChains ties the fixture to the presets: the recorded v1, v2, cifar and digits chains have the
// presets' operations, order, blur kernel and normalisation.
func TestPresetsAreTheRecordedChains(t *testing.T) {
	var recorded recordedViews
	must.M(parity.Load(newSession(Machine{}).recorded, viewsFile, &recorded))
	compared := 0
	for _, g := range recorded.Groups {
		if !slices.Contains(augment.Presets(), g.Name) {
			continue
		}
		compared++
		got, want := must.M1(augment.Preset(g.Name)), g.config()
		if !slices.Equal(got.Ops, want.Ops) || got.Blur.Kernel != want.Blur.Kernel ||
			got.Mean != want.Mean || got.Std != want.Std {
			t.Errorf("%s: preset %+v is not the recorded chain %+v", g.Name, got, want)
		}
		if (got.Jitter.Hue > 0) != (want.Jitter.Hue > 0) || (got.Jitter.Saturation > 0) != (want.Jitter.Saturation > 0) {
			t.Errorf("%s: preset's jitter %+v uses other operations than the recorded %+v", g.Name, got.Jitter, want.Jitter)
		}
	}
	if compared != 4 {
		t.Errorf("compared %d presets, want v1, v2, cifar and digits", compared)
	}
}
