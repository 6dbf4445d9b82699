package nvidia

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/xla"
)

// errUnknown says that there are no GPUs of that name.
var errUnknown = errors.New("unknown GPUs")

// The most that a name may ask for.
const (
	mostEach  = 16
	mostHosts = 1024
)

// GPUs are GPUs of one kind in hosts that have equally many.
type GPUs struct {
	Name  string // as given, in lower case: "h100x8"
	Chip  Chip
	Each  int // GPUs of a host
	Hosts int
}

// dropped are GPUs that people may ask for and the pinned compiler has no code for.
var dropped = []string{"v100", "p100", "p40"}

// Lookup finds GPUs by name: "h100", "h100x8" of one host, "h100x8x2" of two hosts. The a100 is also called "a100-80".
func Lookup(name string) (GPUs, error) {
	wanted := strings.Replace(strings.ToLower(name), "a100-80", "a100", 1)
	kind, counts, counted := chipOf(wanted)
	if kind == nil {
		for _, old := range dropped {
			if wanted == old || strings.HasPrefix(wanted, old+"x") {
				return GPUs{}, fmt.Errorf("nvidia: %w %q: CUDA 13, which compiles, has no code for compute capabilities before 7.5; want one of\n%s",
					errUnknown, name, listing())
			}
		}
		return GPUs{}, fmt.Errorf("nvidia: %w %q, want one of\n%s", errUnknown, name, listing())
	}
	g := GPUs{Name: wanted, Chip: *kind, Each: 1, Hosts: 1}
	if counted {
		each, hosts, several := strings.Cut(counts, "x")
		var err, failed error
		g.Each, err = strconv.Atoi(each)
		if several {
			g.Hosts, failed = strconv.Atoi(hosts)
		}
		if errors.Join(err, failed) != nil || g.Each < 1 || g.Each > mostEach || g.Hosts < 1 || g.Hosts > mostHosts {
			return GPUs{}, fmt.Errorf("nvidia: %w %q, want %s, %sx8 for 8 GPUs of a host (1 to %d), or %sx8x2 for two such hosts (1 to %d)",
				errUnknown, name, kind.Name, kind.Name, mostEach, kind.Name, mostHosts)
		}
	}
	return g, nil
}

// chipOf finds the chip that a name begins with, and what follows the x after it.
func chipOf(name string) (c *Chip, counts string, counted bool) {
	for i := range chips {
		if name == chips[i].Name {
			return &chips[i], "", false
		}
		if counts, ok := strings.CutPrefix(name, chips[i].Name+"x"); ok {
			return &chips[i], counts, true
		}
	}
	return nil, "", false
}

// listing is a line of the names.
func listing() string {
	names := make([]string, len(chips))
	for i, c := range chips {
		names[i] = c.Name
	}
	return "  " + strings.Join(names, " ") + ", each alone, or as NAMEx8 for 8 GPUs of a host, NAMEx8x2 for two hosts"
}

// Devices returns the number of GPUs.
func (g GPUs) Devices() int { return g.Each * g.Hosts }

// String describes the GPUs: "h100x8x2 (2 hosts of 8 NVIDIA H100 80GB HBM3)".
func (g GPUs) String() string {
	if g.Hosts > 1 {
		return fmt.Sprintf("%s (%d hosts of %d %s)", g.Name, g.Hosts, g.Each, g.Chip.Product)
	}
	return fmt.Sprintf("%s (%d %s)", g.Name, g.Each, g.Chip.Product)
}

// Open opens the CUDA plugin's compiler for the GPUs, whether they are there or not: see xla.OpenGPUs. Of
// Options.GPU it heeds MemoryFraction.
func Open(g GPUs, o xla.Options) (*xla.Engine, error) {
	e, err := xla.OpenGPUs(g.Chip.target(o.GPU.MemoryFraction), g.Hosts, g.Each, o)
	if err != nil {
		return nil, fmt.Errorf("nvidia: %s: %w", g.Name, err)
	}
	return e, nil
}

// Key identifies what Open compiles for, for a store of programs.
func (g GPUs) Key(memoryFraction float64) string {
	return fmt.Sprintf("%dx%d\n%s", g.Hosts, g.Each, g.Chip.target(memoryFraction))
}
