package xla

import "github.com/mocotpu/mocotpu/xla/engine"

// gpuOptions adds what XLA's GPU client knows the options by.
func gpuOptions(g engine.GPU, options map[string]any) {
	if len(g.Devices) > 0 {
		visible := make([]int64, len(g.Devices))
		for i, n := range g.Devices {
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
		options["collective_memory_size"] = int64(g.CollectiveMemory) << 20
	}
}

// preallocate is the one option that go-xla sets itself for cuda, to false, over what it was given.
const preallocate = "preallocate"
