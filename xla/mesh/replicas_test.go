package mesh_test

import (
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/mesh"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// Replicas are equal after a run, and one number on one device that differs is found.
func TestCheckReplicas(t *testing.T) {
	m, store := must.M1(mesh.New(xlatest.CPU(t, 8), 8)), newStore()
	p := must.M1(m.Compile("replicas", store, inputs(), build))
	defer p.Close()
	must.M1(p.Run(arguments(1)...))
	v := store.GetVariable("sum")
	if err := m.CheckReplicas(v); err != nil {
		t.Fatal(err)
	}
	must.M(tensors.MutableFlatData(must.M1(v.DistributedValue()).Shards()[5], func(flat []float32) { flat[2]++ }))
	if err := m.CheckReplicas(v); err == nil || !strings.Contains(err.Error(), "/sum[2] is ") || !strings.Contains(err.Error(), "on device 5") {
		t.Errorf("error %v, want one that names number 2 of sum on device 5", err)
	}
}
