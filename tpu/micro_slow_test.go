//go:build slow

package tpu_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestSlowMicroBatchesTakeLess: in four micro-batches the step keeps the activations of a quarter of a device's images, and
// computes and exchanges what the whole batch at once does: the gradients are summed up over the devices once.
func TestSlowMicroBatchesTakeLess(t *testing.T) {
	xlatest.LibTPU(t)
	sources := []string{"1", "4"}
	plans, compiled := make([]*plan.Plan, len(sources)), make([]*plan.Compilation, len(sources))
	var both sync.WaitGroup
	for i, source := range sources {
		both.Go(func() {
			var err error
			compiled[i], plans[i], err = plan.InChild(t.Context(), plan.Request{Topology: "v2-8", Source: []byte(source), Program: plan.Program{Batch: 4096}}, nil, childLimit)
			if err != nil {
				t.Errorf("%s micro-batches: %v", source, err)
			}
		})
	}
	both.Wait()
	if t.Failed() {
		return
	}
	whole, micro := plans[0], plans[1]
	if got, all := micro.Memory.Temporaries, whole.Memory.Temporaries; got > all*2/5 {
		t.Errorf("%d bytes of temporaries in four micro-batches, %d at once: want at most two fifths", got, all)
	}
	if micro.Memory.Aliased != whole.Memory.Aliased {
		t.Errorf("%d bytes of the state are written in place, %d at once", micro.Memory.Aliased, whole.Memory.Aliased)
	}
	for what, ratio := range map[string]float64{"operations": micro.Time.Flops / whole.Time.Flops, "traffic": micro.Time.Bytes / whole.Time.Bytes} {
		if ratio < 0.95 || ratio > 1.3 {
			t.Errorf("%s: %.2f times those at once, want about as many", what, ratio)
		}
	}
	for i, p := range plans {
		t.Logf("%s micro-batches: %d bytes of temporaries, ideal %.2f ms, exchanges %+v", sources[i], p.Memory.Temporaries, 1e3*p.Time.Step, p.Collective)
	}
	bytes := map[string]int64{}
	for _, c := range micro.Collective {
		bytes[c.Purpose] += c.Bytes
	}
	for _, c := range whole.Collective {
		bytes["whole "+c.Purpose] += c.Bytes
	}
	_, step := smallStep()
	var parameters int64
	for _, p := range step.Encoder.Params() {
		if !p.Buffer {
			parameters += int64(shapes.Make(dtypes.Float32, p.Dims...).ByteSize())
		}
	}
	for _, purpose := range []string{"images", "features"} {
		if bytes[purpose] != bytes["whole "+purpose] || bytes[purpose] == 0 {
			t.Errorf("%d bytes of %s are exchanged, %d at once", bytes[purpose], purpose, bytes["whole "+purpose])
		}
	}
	if got, all := bytes["keys"], bytes["whole keys"]; got < all || got > 2*all { // gathered in one go or in two
		t.Errorf("%d bytes of keys are gathered, %d at once", got, all)
	}
	if sums := bytes["gradients"] + bytes["statistics"]; sums > 3*parameters/2 {
		t.Errorf("sums of %d bytes over the devices, want little more than the parameters' %d", sums, parameters)
	}
	m, err := compiled[1].Module()
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	for _, conv := range xlatest.Convolutions(m) {
		if conv.Batch == 4096/8/4 {
			own++
		}
		if conv.Batch == 4096/8 && strings.Contains(conv.OpName, "conv") {
			t.Errorf("%s (%s) runs on all 512 images of a device", conv.Name, conv.OpName)
		}
	}
	if own < 2*12 {
		t.Errorf("%d convolutions on the 128 images of a micro-batch, want at least both encoders' 24", own)
	}
}
