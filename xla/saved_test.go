package xla_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// saveStep compiles the small step on so many devices, runs it, and saves it.
func saveStep(t *testing.T, devices int) (file string, losses []float32, state string) {
	t.Helper()
	e := must.M1(xla.Open("cpu", xla.Options{Devices: devices}))
	defer e.Close()
	s := newStep(t, e, true)
	for seed := range 3 {
		losses = append(losses, s.run(seed))
	}
	file = filepath.Join(t.TempDir(), "step.mocotpu")
	must.M(os.WriteFile(file, must.M1(e.Programs()[0].Save(json.RawMessage(`{"made": "here"}`))), 0o600))
	return file, losses, s.state()
}

// TestSaved: an engine that is given a saved program compiles nothing of its name, and computes what the one that was saved
// computed, bit for bit.
func TestSaved(t *testing.T) {
	xlatest.CPU(t, 1)
	for _, devices := range []int{1, 8} {
		file, losses, state := saveStep(t, devices)
		saved := must.M1(programs.OpenSaved(file))
		if string(saved.Source) != `{"made":"here"}` {
			t.Errorf("source %s", saved.Source)
		}
		e := must.M1(xla.Open("cpu", xla.Options{Devices: devices, Saved: saved}))
		s := newStep(t, e, true)
		for seed, want := range losses {
			if got := s.run(seed); got != want || got == 0 {
				t.Errorf("%d devices, step %d: loss %v, want %v", devices, seed, got, want)
			}
		}
		if e.Compiled() != 0 || e.Loaded() != 1 || !e.Programs()[0].Loaded {
			t.Errorf("%d devices: compiled %d, loaded %d, want 0 and 1", devices, e.Compiled(), e.Loaded())
		}
		if s.state() != state {
			t.Errorf("%d devices: another state", devices)
		}
		must.M1(must.M1(NewExec(e, func(x *Node) *Node { return Neg(x) })).Call(tensors.FromScalar(float32(1)))) // of another name
		if e.Compiled() != 1 {
			t.Errorf("%d devices: compiled %d, want the one that was not saved", devices, e.Compiled())
		}
		e.Close()
	}
}

// saveSum saves x+c, called sum.
func saveSum(t *testing.T, c float64) string {
	t.Helper()
	e := must.M1(xla.Open("cpu", xla.Options{}))
	defer e.Close()
	if _, err := sum(e, c); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sum.mocotpu")
	must.M(os.WriteFile(file, must.M1(e.Programs()[0].Save(nil)), 0o600))
	return file
}

func sum(e *xla.Engine, c float64) (float32, error) {
	add := must.M1(NewExec(e, func(x *Node) *Node { return AddScalar(x, c) })).WithName("sum")
	out, err := add.Call(tensors.FromScalar(float32(1)))
	if err != nil {
		return 0, err
	}
	return out[0].Value().(float32), nil
}

// TestSavedRefused: what a program was not compiled for does not get it, and is named; nothing is compiled in its place.
func TestSavedRefused(t *testing.T) {
	xlatest.CPU(t, 1)
	file := saveSum(t, 41)
	saved := must.M1(programs.OpenSaved(file))
	refused := func(name string, err error, want ...string) {
		t.Helper()
		for _, part := range want {
			if !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: got %v, want an ErrInvalid with %q", name, err, part)
			}
		}
	}
	_, err := xla.Open("go", xla.Options{Saved: saved})
	refused("engine", err, `engine: compiled with "cpu", here it is "go": --backend=cpu`)
	_, err = xla.Open("cpu", xla.Options{Devices: 2, Saved: saved})
	refused("devices", err, `devices, how many: compiled with "1", here it is "2"`)
	t.Run("flags", func(t *testing.T) {
		t.Setenv("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
		e, err := xla.Open("cpu", xla.Options{Plugin: copyPlugin(t), Saved: saved})
		if err == nil {
			e.Close()
		}
		refused("flags", err, "flags: compiled with", "--xla_cpu_multi_thread_eigen=false", "plugin: compiled with")
	})
	_, err = xla.Open("cpu", xla.Options{Saved: saved, Processes: &xla.Processes{Count: 2}})
	if !errors.Is(err, xla.ErrOptions) {
		t.Errorf("several processes: got %v, want ErrOptions", err)
	}

	e := must.M1(xla.Open("cpu", xla.Options{Saved: saved}))
	defer e.Close()
	_, err = sum(e, 42)
	refused("program", err, "program: compiled with")
	add := must.M1(NewExec(e, func(x *Node) *Node { return AddScalar(x, 41) })).WithName("sum")
	_, err = add.Call(tensors.FromValue([]float32{1, 2}))
	refused("inputs", err, `inputs, number 0: compiled with "f32", here it is "2xf32"`)
	if got, err := sum(e, 41); err != nil || got != 42 || e.Compiled() != 0 {
		t.Errorf("the right one: got %v, %v, compiled %d", got, err, e.Compiled())
	}

	// A whole file whose program the plugin refuses, and one that is damaged after it was opened.
	whole := must.M1(os.ReadFile(file))
	var h struct{ Origin programs.Origin } // as JSON, behind a checksum of any bytes
	must.M(json.NewDecoder(bytes.NewReader(whole[bytes.Index(whole, []byte(`{"origin":`)):])).Decode(&h))
	other := filepath.Join(t.TempDir(), "other.mocotpu")
	must.M(os.WriteFile(other, must.M1(programs.Encode(h.Origin, saved.Text, nil, []byte("no program"))), 0o600))
	for _, test := range []struct{ file, want string }{{other, "the plugin refuses the program saved in"}, {file, "the checksum of its program does not match"}} {
		opened := must.M1(programs.OpenSaved(test.file))
		e := must.M1(xla.Open("cpu", xla.Options{Saved: opened}))
		whole[len(whole)-1] ^= 1
		must.M(os.WriteFile(file, whole, 0o600))
		_, err := sum(e, 41)
		refused("damage", err, test.want)
		if e.Compiled() != 0 {
			t.Errorf("%s: compiled %d", test.want, e.Compiled())
		}
		e.Close()
		whole[len(whole)-1] ^= 1
		must.M(os.WriteFile(file, whole, 0o600))
	}
}
