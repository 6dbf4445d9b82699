package plan

import (
	"fmt"

	"github.com/mocotpu/mocotpu/tpu"
	"github.com/mocotpu/mocotpu/tpu/nvidia"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// A Target is the machine that a program is compiled for. Figures are of one device, 0 where they are not known.
type Target struct {
	Name    string `json:"name"`    // "v3-8", "cpu"
	Devices int    `json:"devices"` // that the program is split over
	// Usable is the memory that a program may fill, in bytes.
	Usable int64 `json:"usable_bytes"`
	// Flops and Bandwidth are the peaks of arithmetic (operations a second; bfloat16 on a TPU, in the program's precision on a
	// GPU) and memory (bytes a second).
	Flops     float64 `json:"peak_flops"`
	Bandwidth float64 `json:"peak_bandwidth"`
	// Grid is the chips along each axis of the network, PerChip the devices of a chip, Link the bytes a second over a
	// link to a neighbour, each way.
	Grid    []int   `json:"grid"`
	PerChip int     `json:"devices_per_chip"`
	Link    float64 `json:"link_bandwidth"`
	// Hosts is how many machines the devices are in, PerHost how many of them are in each but perhaps the last, in order; 0
	// where it is not known. The links of a TPU slice go over all its hosts alike.
	Hosts   int `json:"hosts"`
	PerHost int `json:"devices_per_host"`
	// GPUs says that devices are GPUs. Switch is the bytes a second that one has, each way, to all others of its host, Network
	// to those of other hosts.
	GPUs    bool    `json:"gpus"`
	Switch  float64 `json:"switch_bandwidth"`
	Network float64 `json:"network_bandwidth"`
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
	c, each := t.Chip, t.Devices()/t.Hosts()
	return Target{
		Name: t.Name, Devices: devices, Usable: c.Usable, Flops: c.Flops, Bandwidth: c.Bandwidth,
		Grid: grid, PerChip: c.Devices, Link: c.Link, Hosts: (devices + each - 1) / each, PerHost: each, Source: c.Source,
	}
}

// gpuTarget is the target that is the first of some GPUs, 0 devices for all, which convolve in a precision ("float32", "tf32" or
// "bfloat16") and of whose memory the engine takes a part, 0 for XLA's default. GPUs without NVLink exchange over PCIe.
func gpuTarget(g nvidia.GPUs, devices int, precision string, memoryFraction float64) Target {
	if devices == 0 {
		devices = g.Devices()
	}
	c := g.Chip
	t := Target{
		Name: g.Name, Devices: devices, Usable: c.Usable(memoryFraction), Flops: c.Peak(precision), Bandwidth: c.Bandwidth, PerChip: 1,
		GPUs: true, Hosts: (devices + g.Each - 1) / g.Each, PerHost: g.Each, Switch: c.NVLink, Network: c.Network, Source: c.Source,
	}
	if t.Switch == 0 {
		t.Switch = c.PCIe
	}
	return t
}

// A place is what a name says can be compiled for: TPUs, or GPUs.
type place struct {
	tpus tpu.Topology
	gpus *nvidia.GPUs // nil for TPUs
}

// lookup finds a slice of TPUs as [tpu.Lookup] takes it, or GPUs as [nvidia.Lookup] does. The error matches [tpu.ErrUnknown].
func lookup(name string) (place, error) {
	g, unknown := nvidia.Lookup(name)
	if unknown == nil {
		return place{gpus: &g}, nil
	}
	t, err := tpu.Lookup(name)
	if err != nil {
		return place{}, fmt.Errorf("%w\n%w", err, unknown)
	}
	return place{tpus: t}, nil
}

// Lookup is the target of a name, of which a program uses the first devices, 0 for all: a slice of TPUs, as [tpu.Lookup]
// takes it, or GPUs, as [nvidia.Lookup] does; for what else it takes see gpuTarget. The error for a name that neither knows
// matches [tpu.ErrUnknown].
func Lookup(name string, devices int, precision string, memoryFraction float64) (Target, error) {
	p, err := lookup(name)
	if err != nil {
		return Target{}, err
	}
	all := p.tpus.Devices()
	if p.gpus != nil {
		all = p.gpus.Devices()
	}
	switch {
	case devices > all:
		var p settings.Check
		p.That(false, "engine.devices", "is %d, and %s has %d", devices, name, all)
		return Target{}, p.Err()
	case p.gpus != nil:
		return gpuTarget(*p.gpus, devices, precision, memoryFraction), nil
	case memoryFraction != 0:
		return Target{}, fmt.Errorf("plan: a part of the memory is asked for, which is for GPUs, not for %s", name)
	}
	return TPU(p.tpus, devices), nil
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

// network says in words what devices exchange over.
func (t Target) network() string {
	if !t.GPUs {
		return fmt.Sprintf("%d x %.4g GB/s a chip", t.links(), t.Link/1e9)
	}
	text := fmt.Sprintf("%.4g GB/s a GPU", t.Switch/1e9)
	switch {
	case t.Hosts > 1 && t.Network == 0:
		text += ", and a network among hosts that is not known"
	case t.Hosts > 1:
		text += fmt.Sprintf(", %.4g GB/s among hosts", t.Network/1e9)
	}
	return text
}

// inHosts says how the devices are spread where there are several hosts.
func (t Target) inHosts() string {
	if t.Hosts <= 1 {
		return ""
	}
	return fmt.Sprintf(" in %d hosts of %d", t.Hosts, t.PerHost)
}
