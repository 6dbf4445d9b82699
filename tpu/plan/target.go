package plan

import (
	"github.com/mocotpu/mocotpu/tpu"
)

// A Target is the machine that a program is compiled for. Figures are of one device, 0 where they are not known.
type Target struct {
	Name    string `json:"name"`    // "v3-8", "cpu"
	Devices int    `json:"devices"` // that the program is split over
	// Usable is the memory that a program may fill, in bytes.
	Usable int64 `json:"usable_bytes"`
	// Flops and Bandwidth are the peaks of arithmetic (bfloat16, operations a second) and memory (bytes a second).
	Flops     float64 `json:"peak_flops"`
	Bandwidth float64 `json:"peak_bandwidth"`
	// Grid is the chips along each axis of the network, PerChip the devices of a chip, Link the bytes a second over a
	// link to a neighbour, each way.
	Grid    []int   `json:"grid"`
	PerChip int     `json:"devices_per_chip"`
	Link    float64 `json:"link_bandwidth"`
	// Source of the figures.
	Source string `json:"source"`
}

// TPU is the target that is the first devices of a TPU slice; 0 is all of them.
func TPU(t tpu.Topology, devices int) Target {
	grid := t.Grid
	if devices == 0 {
		devices = t.Devices()
	}
	if devices < t.Devices() {
		grid = []int{(devices + t.Chip.Devices - 1) / t.Chip.Devices} // some chips of the slice, at worst in a row
	}
	c := t.Chip
	return Target{
		Name: t.Name, Devices: devices, Usable: c.Usable, Flops: c.Flops, Bandwidth: c.Bandwidth,
		Grid: grid, PerChip: c.Devices, Link: c.Link, Source: c.Source,
	}
}

// Engine is the target that is an engine of this machine, about which nothing is known but the devices.
func Engine(name string, devices int) Target { return Target{Name: name, Devices: devices} }

// chips is how many chips the devices are on.
func (t Target) chips() int {
	n := 1
	for _, d := range t.Grid {
		n *= d
	}
	return n
}

// links is how many neighbours a chip has: one along an axis of two chips, two along a longer one.
func (t Target) links() int {
	n := 0
	for _, d := range t.Grid {
		n += min(2, d-1)
	}
	return n
}

// longest is the longest axis of the grid.
func (t Target) longest() int {
	n := 1
	for _, d := range t.Grid {
		n = max(n, d)
	}
	return n
}
