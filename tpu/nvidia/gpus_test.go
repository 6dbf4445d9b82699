package nvidia

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLookup(t *testing.T) {
	for _, test := range []struct {
		name, chip  string
		each, hosts int
		text        string
	}{
		{"h100", "h100", 1, 1, "h100 (1 NVIDIA H100 80GB HBM3)"},
		{"H100x8", "h100", 8, 1, "h100x8 (8 NVIDIA H100 80GB HBM3)"},
		{"h100x8x2", "h100", 8, 2, "h100x8x2 (2 hosts of 8 NVIDIA H100 80GB HBM3)"},
		{"h100-pciex2", "h100-pcie", 2, 1, "h100-pciex2 (2 NVIDIA H100 PCIe)"},
		{"a100-80x8", "a100", 8, 1, "a100x8 (8 NVIDIA A100-SXM4-80GB)"},
		{"a100-40x8", "a100-40", 8, 1, "a100-40x8 (8 NVIDIA A100-SXM4-40GB)"},
		{"rtx4090x2", "rtx4090", 2, 1, "rtx4090x2 (2 NVIDIA GeForce RTX 4090)"},
	} {
		g, err := Lookup(test.name)
		if err != nil || g.Chip.Name != test.chip || g.Each != test.each || g.Hosts != test.hosts || g.Devices() != test.each*test.hosts || g.String() != test.text {
			t.Errorf("%s: got %+v, %v", test.name, g, err)
		}
	}
	for name, want := range map[string]string{
		"h100x":                     "want h100, h100x8 for 8 GPUs of a host",
		"h100x0":                    "want h100,",
		"h100x17":                   "(1 to 16)",
		"h100x8x":                   "want h100,",
		"h100x8x2x2":                "want h100,",
		"h100x8x-1":                 "want h100,",
		"v100x8":                    "CUDA 13",
		"h1000":                     "t4 a100-40 a100",
		"":                          "t4 a100-40 a100",
		"h100x99999999999999999999": "want h100,",
	} {
		if g, err := Lookup(name); !errors.Is(err, errUnknown) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v, want %q", name, g, err, want)
		}
	}
}

// The figures of a GPU go together: what is published of it follows from its multiprocessors and clock.
func TestChips(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range chips {
		g, known := generations[[2]int{c.Major, c.Minor}]
		if !known || seen[c.Name] || c.Product == "" || c.Source == "" {
			t.Errorf("%s: no generation of compute capability %d.%d, a second of its name, or no product or source", c.Name, c.Major, c.Minor)
		}
		seen[c.Name] = true
		if flops := 2 * float64(c.SMs*g.lanes) * c.Clock * 1e9; c.Float32 > 1.02*flops || c.Float32 < 0.85*flops {
			t.Errorf("%s: %g operations a second in float32, want about the %g of %d multiprocessors at %g GHz", c.Name, c.Float32, flops, c.SMs, c.Clock)
		}
		if part := float64(c.Memory) / (float64(c.Published) * (1 << 30)); part < 0.9 || part > 1 {
			t.Errorf("%s: %d bytes, which is %.2f of the %d GiB published", c.Name, c.Memory, part, c.Published)
		}
		if c.BFloat16 > 0 && c.BFloat16 < 1.9*c.TF32 || c.Peak("float32") != c.Float32 || c.Peak("bfloat16") < c.Peak("tf32") || c.Bandwidth <= 0 || c.PCIe <= 0 {
			t.Errorf("%s: peaks %g %g %g", c.Name, c.Float32, c.TF32, c.BFloat16)
		}
		if c.Usable(0) != int64(float64(c.Memory)*0.75) || c.Usable(0.5) != c.Memory/2 {
			t.Errorf("%s: usable %d and %d", c.Name, c.Usable(0), c.Usable(0.5))
		}
	}
}

// A description is the text that XLA's parser has been seen to take (testdata, of an earlier compilation of the real step).
func TestTarget(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "h100.txtpb"))
	if err != nil {
		t.Fatal(err)
	}
	g, err := Lookup("h100x8")
	if err != nil {
		t.Fatal(err)
	}
	if got := g.Chip.target(0); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// More of the memory may be used: XLA recomputes from a larger part on.
	if got, size := g.Chip.target(0.9), fmt.Sprintf("device_memory_size: %d", int64(float64(g.Chip.Usable(0.9))/0.75)); !strings.Contains(got, size) {
		t.Errorf("with 0.9 of the memory no %q in\n%s", size, got)
	}
	if g.Key(0) == g.Key(0.9) {
		t.Error("one key for two sizes")
	}
}
