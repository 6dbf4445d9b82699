package engine

import (
	"slices"

	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// GPU says which GPUs the cuda engine takes, and how much of their memory. Zero is the default of every field.
type GPU struct {
	// Devices are CUDA's numbers of the GPUs, each once, in whatever order; empty takes the first Config.Devices, or all.
	Devices []int `json:"devices"`
	// MemoryFraction is the most that the engine takes of each GPU's memory: above 0, at most 1; 0 is XLA's own default,
	// 0.75. The allocator "platform" has no such limit.
	MemoryFraction float64 `json:"memory_fraction"`
	// Preallocate takes that memory when the engine opens, which leaves no gaps between small pieces and is more than a
	// display or another program may like; false takes it as it is needed, and gives none back before the engine closes.
	Preallocate bool `json:"preallocate"`
	// Allocator is one of [Allocators]; "" is bfc.
	Allocator string `json:"allocator"`
	// CollectiveMemory is set aside on each GPU for exchanges among them, in MiB; 0 is none.
	CollectiveMemory int `json:"collective_memory"`
}

// Allocators are the values of GPU.Allocator: bfc (best fit with coalescing, XLA's), cuda_async (CUDA's own pool) and
// platform (CUDA, piece by piece: slow, and exact about what is needed).
var Allocators = []string{"bfc", "cuda_async", "platform"}

// Validate lists what is wrong with the options, as a [settings.Error].
func (g GPU) Validate() error {
	var p settings.Check
	once := slices.Compact(slices.Sorted(slices.Values(g.Devices)))
	p.That(len(once) == len(g.Devices) && (len(once) == 0 || once[0] >= 0),
		"devices", "is %v, want CUDA's numbers of the GPUs, from 0, each once", g.Devices)
	p.That(g.MemoryFraction >= 0 && g.MemoryFraction <= 1, "memory_fraction", "is %g, want above 0, at most 1, or 0 for the default",
		g.MemoryFraction)
	if g.Allocator != "" {
		p.OneOf("allocator", g.Allocator, Allocators...)
	}
	p.That(g.Allocator != "platform" || g.MemoryFraction == 0 && !g.Preallocate,
		"allocator", "is platform, which has no memory fraction and does not preallocate: want bfc or cuda_async with them")
	p.That(g.CollectiveMemory >= 0 && g.CollectiveMemory <= 1<<30, "collective_memory", "is %d MiB, want 0 (none) to 2^30", g.CollectiveMemory)
	return p.Err()
}

// IsZero tells whether everything is left to the plugin.
func (g GPU) IsZero() bool {
	return len(g.Devices) == 0 && g.MemoryFraction == 0 && !g.Preallocate && g.Allocator == "" && g.CollectiveMemory == 0
}
