package tpu

import (
	"errors"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

func TestLookup(t *testing.T) {
	for _, test := range []struct {
		name, libtpu   string
		chips, devices int
	}{
		{"v2-8", "v2:2x2x1", 4, 8},
		{"v3-8", "v3:2x2x1", 4, 8},
		{"V3-32", "v3:4x4x1", 16, 32},
		{"v4-8", "v4:2x2x1", 4, 8},
		{"v4-128", "v4:4x4x4", 64, 128},
		{"v5e-8", "v5e:2x4", 8, 8},
		{"v5litepod-64", "v5e:8x8", 64, 64},
		{"v5p-8", "v5p:2x2x1", 4, 4},
		{"v6e-8", "v6e:2x4", 8, 8},
		{"v5e:2x4", "v5e:2x4", 8, 8},
		{"v5e:4x2", "v5e:4x2", 8, 8},
		{"v3:2x2x1", "v3:2x2x1", 4, 8},
	} {
		got, err := Lookup(test.name)
		if err != nil || got.LibTPU() != test.libtpu || got.Chips() != test.chips || got.Devices() != test.devices {
			t.Errorf("%s: got %v, %v, want %s of %d chips, %d devices", test.name, got, err, test.libtpu, test.chips, test.devices)
		}
	}
	for _, name := range []string{"", "v3", "v3-9", "v1-8", "v3:", "v9:2x2x1", "v3:0x2x1", "v3:2", "v3:2x2x1x1", "v3:2x2x1;"} {
		_, err := Lookup(name)
		if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "v3-8 v3-32") || !strings.Contains(err.Error(), "v6e-8") {
			t.Errorf("%q: got %v, want a list of what there is", name, err)
		}
	}
	if got := must(Lookup("v3-8")).String(); got != "v3-8 (4 chips as 2x2x1, 8 devices)" {
		t.Errorf("got %q", got)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The figures stand in the order of the generations, and a slip of a digit or a unit would leave these bounds.
func TestChips(t *testing.T) {
	for i, c := range chips {
		if c.Usable < c.HBM*9/10 || c.Usable > c.HBM*102/100 {
			t.Errorf("%s: %d bytes usable of %d", c.Name, c.Usable, c.HBM)
		}
		if c.Source == "" || c.Devices < 1 || c.Devices > c.Cores {
			t.Errorf("%s: source %q, %d devices on %d cores", c.Name, c.Source, c.Devices, c.Cores)
		}
		// From v2's 23 TFLOP/s and 350 GB/s of a core on, a device did 40 to 600 operations for a byte.
		if intensity := c.Flops / c.Bandwidth; intensity < 40 || intensity > 600 {
			t.Errorf("%s: %g operations a byte", c.Name, intensity)
		}
		if i > 0 && c.Flops*float64(c.Devices) <= chips[i-1].Flops*float64(chips[i-1].Devices) && c.Name != "v5e" {
			t.Errorf("%s: no faster chip than %s", c.Name, chips[i-1].Name)
		}
		if c.Link < 40*giga || c.Link > 110*giga {
			t.Errorf("%s: %g bytes a second over a link", c.Name, c.Link)
		}
	}
}

// libtpu knows every topology that has a name here, and lists as many devices.
func TestTopologiesOpen(t *testing.T) {
	xlatest.LibTPU(t)
	for _, topology := range All() {
		e, err := Open(topology, xla.Options{})
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if e.NumDevices() != topology.Devices() || !strings.Contains(e.PluginVersion(), "libtpu") {
			t.Errorf("%v: libtpu (%s) has %d devices", topology, e.PluginVersion(), e.NumDevices())
		}
		e.Close()
	}
	if _, err := Open(Topology{Name: "v5e:3x3", Chip: chips[3], Grid: []int{3, 3}}, xla.Options{}); err == nil {
		t.Error("a grid that is none opened")
	}
	if _, err := Open(must(Lookup("v3-8")), xla.Options{Devices: 9}); err == nil || !strings.Contains(err.Error(), "9 devices, want 0 (all) to the 8 that there are: --devices") {
		t.Errorf("nine of eight devices: %v", err)
	}
}

func TestNoLibTPU(t *testing.T) {
	t.Setenv("MOCOTPU_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", "")
	_, err := Open(must(Lookup("v3-8")), xla.Options{})
	if !errors.Is(err, xla.ErrNoPlugin) || !strings.Contains(err.Error(), "mocotpu setup tpu") {
		t.Errorf("got %v, want the command that gets libtpu", err)
	}
}

// The version of an open TPU's plugin names its chip, its devices the slice.
func TestOfPlugin(t *testing.T) {
	for _, test := range []struct {
		version string
		devices int
		want    string
	}{
		{"libtpu-0.0.52 TFRT TPU v2\nBuilt on", 8, "v2-8"},
		{"TFRT TPU v3", 32, "v3-32"},
		{"TFRT TPU v4", 8, "v4-8"},
		{"TFRT TPU v5 lite", 8, "v5e-8"},
		{"TFRT TPU v5", 4, "v5p-8"},
		{"TFRT TPU v6 lite", 8, "v6e-8"},
		{"TFRT TPU v3", 7, ""},
		{"cpu", 8, ""},
	} {
		if got, ok := OfPlugin(test.version, test.devices); got.Name != test.want || ok != (test.want != "") {
			t.Errorf("%q with %d devices: got %q, want %q", test.version, test.devices, got.Name, test.want)
		}
	}
}
