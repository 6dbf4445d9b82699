package xla

import (
	"errors"
	"fmt"
	"slices"
)

// GPU says which GPUs the cuda engine takes, and how much of their memory. The zero value leaves all to the plugin.
type GPU struct {
	// Visible are CUDA's numbers of the GPUs to use, each once, in whatever order; empty takes the first
	// Options.Devices, or all.
	Visible []int
	// MemoryFraction is the most that the engine takes of the memory of each GPU: above 0, at most 1. 0 is XLA's own
	// default, 0.75. The allocator "platform" has no such limit.
	MemoryFraction float64
	// Preallocate takes that memory when the engine opens, which leaves no gaps between small pieces and is more than a
	// display or another program may like; false takes it as it is needed, and gives none back before Close.
	Preallocate bool
	// Allocator is "bfc" (best fit with coalescing, XLA's), "cuda_async" (CUDA's own pool) or "platform" (CUDA, piece by
	// piece: slow, and exact about what is needed); "" is "bfc".
	Allocator string
	// CollectiveMemory is set aside on each GPU for exchanges among them, in bytes; 0 is none.
	CollectiveMemory int64
}

// Allocators are the values of GPU.Allocator.
var Allocators = []string{"bfc", "cuda_async", "platform"}

// Validate lists what is wrong with the options.
func (g GPU) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("xla: gpu: "+format, args...)) }
	for i, n := range g.Visible {
		if n < 0 || slices.Contains(g.Visible[:i], n) {
			bad("visible devices %v, want CUDA's numbers, from 0, each once", g.Visible)
			break
		}
	}
	if !(g.MemoryFraction >= 0 && g.MemoryFraction <= 1) {
		bad("memory fraction %v, want above 0, at most 1, or 0 for the default", g.MemoryFraction)
	}
	if g.Allocator != "" && !slices.Contains(Allocators, g.Allocator) {
		bad("allocator %q, want one of %q", g.Allocator, Allocators)
	}
	if g.Allocator == "platform" && (g.MemoryFraction != 0 || g.Preallocate) {
		bad("allocator platform knows no memory fraction and does not preallocate, want bfc or cuda_async with them")
	}
	if g.CollectiveMemory < 0 {
		bad("collective memory of %d bytes, want 0 or more", g.CollectiveMemory)
	}
	return errors.Join(errs...)
}

// isZero tells whether everything is left to the plugin.
func (g GPU) isZero() bool {
	return len(g.Visible) == 0 && g.MemoryFraction == 0 && !g.Preallocate && g.Allocator == "" && g.CollectiveMemory == 0
}

// clientOptions adds what XLA's GPU client knows the options by.
func (g GPU) clientOptions(options map[string]any) {
	if len(g.Visible) > 0 {
		visible := make([]int64, len(g.Visible))
		for i, n := range g.Visible {
			visible[i] = int64(n)
		}
		options["visible_devices"] = visible
	}
	if g.MemoryFraction > 0 {
		options["memory_fraction"] = float32(g.MemoryFraction)
	}
	if g.Preallocate {
		options[preallocate] = true
	}
	if g.Allocator != "" {
		options["allocator"] = g.Allocator
	}
	if g.CollectiveMemory > 0 {
		options["collective_memory_size"] = g.CollectiveMemory
	}
}

// preallocate is the one option that go-xla sets itself for cuda, to false, over what it was given.
const preallocate = "preallocate"
