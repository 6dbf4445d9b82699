package tpu

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/xla"
)

// ErrUnknown says that there is no topology of that name.
var ErrUnknown = errors.New("unknown TPU topology")

// A Topology is a slice of TPU chips, wired as a grid.
type Topology struct {
	Name string // as people say it: "v3-8", or libtpu's own name if it has no other
	Chip Chip
	Grid []int // chips along each axis
}

// The grids that Google offers, smallest first.
var (
	flat = [][]int{{1, 1}, {2, 2}, {2, 4}, {4, 4}, {4, 8}, {8, 8}, {8, 16}, {16, 16}}
	cube = [][]int{
		{2, 2, 1}, {2, 2, 2}, {2, 2, 4}, {2, 4, 4}, {4, 4, 4}, {4, 4, 8}, {4, 8, 8}, {8, 8, 8}, {8, 8, 16}, {8, 16, 16},
	}
	// The boards of v2 and v3 have four chips; libtpu wants a third axis for them.
	board = [][]int{{2, 2, 1}, {4, 4, 1}, {8, 8, 1}, {8, 16, 1}, {16, 16, 1}, {16, 32, 1}, {32, 32, 1}}
)

func (c Chip) grids() [][]int {
	switch c.Name {
	case "v2":
		return board[:5]
	case "v3":
		return board
	}
	if c.Axes == 3 {
		return cube
	}
	return flat
}

// count is the number in the name of a slice.
func (c Chip) count(grid []int) int {
	if c.ByChip {
		return product(grid)
	}
	return product(grid) * c.Cores
}

// All lists the topologies that have a name, by generation and size.
func All() []Topology {
	var all []Topology
	for _, c := range chips {
		for _, grid := range c.grids() {
			all = append(all, Topology{Name: fmt.Sprintf("%s-%d", c.Name, c.count(grid)), Chip: c, Grid: grid})
		}
	}
	return all
}

var ownName = regexp.MustCompile(`^(v\d\w?):(\d{1,3}(?:x\d{1,3}){1,2})$`)

// Lookup finds a topology by its name: "v3-8", "v5litepod-8" for "v5e-8", or libtpu's "v3:2x2x1", whose grid need not be
// one that Google offers.
func Lookup(name string) (Topology, error) {
	wanted := strings.Replace(strings.ToLower(name), "v5litepod-", "v5e-", 1)
	for _, t := range All() {
		if t.Name == wanted || t.LibTPU() == wanted {
			return t, nil
		}
	}
	if m := ownName.FindStringSubmatch(wanted); m != nil {
		at := slices.IndexFunc(chips, func(c Chip) bool { return c.Name == m[1] })
		var grid []int
		for n := range strings.SplitSeq(m[2], "x") {
			d, _ := strconv.Atoi(n) // up to three digits
			grid = append(grid, d)
		}
		if at >= 0 && product(grid) > 0 {
			return Topology{Name: wanted, Chip: chips[at], Grid: grid}, nil
		}
	}
	return Topology{}, fmt.Errorf("tpu: %w %q, want one of\n%s", ErrUnknown, name, listing())
}

// listing is a line of names for each generation.
func listing() string {
	lines := make([]string, 0, len(chips))
	for _, c := range chips {
		names := make([]string, 0, len(c.grids()))
		for _, grid := range c.grids() {
			names = append(names, fmt.Sprintf("%s-%d", c.Name, c.count(grid)))
		}
		lines = append(lines, "  "+strings.Join(names, " "))
	}
	return strings.Join(lines, "\n")
}

// generation finds libtpu's name of the chip in what it says about its version: "TPU v5 lite".
var generation = regexp.MustCompile(`\bTPU (v\d+)( lite|e|p)?\b`)

// OfPlugin finds the topology of an open TPU, by the version of its plugin (xla.Engine.PluginVersion), which names the chip,
// and the number of its devices. It is false where that is no slice with a name.
func OfPlugin(version string, devices int) (Topology, bool) {
	m := generation.FindStringSubmatch(version)
	if m == nil {
		return Topology{}, false
	}
	chip := m[1] + strings.Replace(m[2], " lite", "e", 1)
	if chip == "v5" {
		chip = "v5p"
	}
	for _, t := range All() {
		if t.Chip.Name == chip && t.Devices() == devices {
			return t, true
		}
	}
	return Topology{}, false
}

// LibTPU returns libtpu's name of the topology: "v3:2x2x1".
func (t Topology) LibTPU() string {
	axes := make([]string, len(t.Grid))
	for i, n := range t.Grid {
		axes[i] = strconv.Itoa(n)
	}
	return t.Chip.Name + ":" + strings.Join(axes, "x")
}

// Chips returns the number of chips.
func (t Topology) Chips() int { return product(t.Grid) }

// Devices returns the number of devices that a program can be split over.
func (t Topology) Devices() int { return t.Chips() * t.Chip.Devices }

// chipsOfHost are the chips of one machine of a slice of several.
const chipsOfHost = 4

// Hosts returns how many machines the slice has, each with as many of its devices: four chips of any generation
// (cloud.google.com/tpu/docs), but for slices of up to eight v5e or v6e, which are offered on a single one. libtpu's own
// description of v5e-8 and v6e-8 has two.
func (t Topology) Hosts() int {
	if t.Chip.ByChip && t.Chips() <= 8 {
		return 1
	}
	return (t.Chips() + chipsOfHost - 1) / chipsOfHost
}

// String describes the topology: "v3-8 (4 chips as 2x2x1, 8 devices)".
func (t Topology) String() string {
	_, grid, _ := strings.Cut(t.LibTPU(), ":")
	return fmt.Sprintf("%s (%d chips as %s, %d devices)", t.Name, t.Chips(), grid, t.Devices())
}

// Open opens libtpu's compiler for the topology, whether the TPU is there or not: see xla.OpenTopology.
func Open(t Topology, o xla.Options) (*xla.Engine, error) {
	e, err := xla.OpenTopology(t.LibTPU(), o)
	if err != nil {
		return nil, fmt.Errorf("tpu: %s: %w", t.Name, err)
	}
	return e, nil
}

func product(grid []int) int {
	n := 1
	for _, d := range grid {
		n *= d
	}
	return n
}
