package runflags

import (
	"reflect"
	"testing"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// Flags of GPUs reach the engine's settings, and are refused where there is no such engine.
func TestGPUFlags(t *testing.T) {
	c := resolved(t, "--backend=cuda", "--gpus=0,2", "--gpu-memory-fraction=0.9", "--gpu-preallocate", "--gpu-allocator=bfc", "--gpu-collective-memory=64")
	want := engine.GPU{Devices: []int{0, 2}, MemoryFraction: 0.9, Preallocate: true, Allocator: "bfc", CollectiveMemory: 64}
	if got := c.Engine.GPU; !reflect.DeepEqual(got, want) {
		t.Errorf("settings %+v, want %+v", got, want)
	}
}

// A run of the cuda engine goes on elsewhere without its GPUs.
func TestGPUsStayBehind(t *testing.T) {
	dir := t.TempDir()
	c := resolved(t, "--preset=glyphs", "--backend=cuda", "--gpus=0,2", "--gpu-memory-fraction=0.9")
	saved, err := run.OpenDir(durable.Disk{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer saved.Close()
	if err := saved.SaveRecord(run.Record{Config: c}); err != nil {
		t.Fatal(err)
	}
	if c := resolved(t, "--dir="+dir); len(c.Engine.GPU.Devices) != 2 {
		t.Errorf("GPUs %v, want the run's", c.Engine.GPU.Devices)
	}
	if c := resolved(t, "--dir="+dir, "--backend=cpu"); !reflect.DeepEqual(c.Engine.GPU, engine.GPU{}) {
		t.Errorf("GPUs %+v on the CPU, want none", c.Engine.GPU)
	}
}
