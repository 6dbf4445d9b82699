package tpu

// A Chip is a generation of TPUs; figures of compute, memory and links are peaks, which no program reaches.
type Chip struct {
	Name string // "v3"
	// Cores is how many TensorCores a chip has, Devices how many devices libtpu makes of them.
	Cores, Devices int
	// HBM is the memory of a device in bytes as published, Usable what libtpu 0.0.52 leaves of it to a program: the
	// limit in its own complaint about one that does not fit.
	HBM, Usable int64
	// Flops is the peak of a device in bfloat16 operations per second; float32 convolutions run as bfloat16 by default.
	Flops float64
	// Bandwidth is that of a device's memory in bytes per second.
	Bandwidth float64
	// Link is the bandwidth of one link to a neighbouring chip in bytes per second, in each direction.
	Link float64
	// Axes is how many axes the network of chips has: 2 or 3.
	Axes int
	// ByChip says that the number in a slice's name counts chips, not cores.
	ByChip bool
	// Source of the figures.
	Source string
}

const (
	gib  = 1 << 30
	tera = 1e12
	giga = 1e9
)

// chips, oldest first. Google publishes figures per chip; they are divided among its devices here. Links: v2 and v3 have
// four of 496 and 656 Gbit/s each way; for the others the published bandwidth of a chip in both directions is divided by
// two and by the links, 4 on a 2D network and 6 on a 3D one. v4's is that of its all-reduce bandwidth per pod, 1.1 PB/s
// of 4096 chips of 6 links.
var chips = []Chip{
	{
		Name: "v2", Cores: 2, Devices: 2, HBM: 8 * gib, Usable: 748 * gib / 100, Flops: 46 * tera / 2, Bandwidth: 700 * giga / 2,
		Link: 62 * giga, Axes: 2,
		Source: "Jouppi et al., A Domain-Specific Supercomputer for Training Deep Neural Networks (2020)",
	},
	{
		Name: "v3", Cores: 2, Devices: 2, HBM: 16 * gib, Usable: 1548 * gib / 100, Flops: 123 * tera / 2, Bandwidth: 900 * giga / 2,
		Link: 82 * giga, Axes: 2,
		Source: "cloud.google.com/tpu/docs/v3; links: Jouppi et al., A Domain-Specific Supercomputer for Training Deep Neural Networks (2020)",
	},
	{
		Name: "v4", Cores: 2, Devices: 2, HBM: 16 * gib, Usable: 1525 * gib / 100, Flops: 275 * tera / 2, Bandwidth: 1200 * giga / 2,
		Link: 45 * giga, Axes: 3, Source: "cloud.google.com/tpu/docs/v4",
	},
	{
		Name: "v5e", Cores: 1, Devices: 1, HBM: 16 * gib, Usable: 1575 * gib / 100, Flops: 197 * tera, Bandwidth: 819 * giga,
		Link: 50 * giga, Axes: 2, ByChip: true, Source: "cloud.google.com/tpu/docs/v5e",
	},
	{
		Name: "v5p", Cores: 2, Devices: 1, HBM: 95 * gib, Usable: 9573 * gib / 100, Flops: 459 * tera, Bandwidth: 2765 * giga,
		Link: 100 * giga, Axes: 3, Source: "cloud.google.com/tpu/docs/v5p",
	},
	{
		Name: "v6e", Cores: 1, Devices: 1, HBM: 32 * gib, Usable: 3124 * gib / 100, Flops: 918 * tera, Bandwidth: 1638 * giga,
		Link: 100 * giga, Axes: 2, ByChip: true, Source: "cloud.google.com/tpu/docs/v6e",
	},
}
