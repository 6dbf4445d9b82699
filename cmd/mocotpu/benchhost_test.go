package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// A step's time is what its devices execute, what it waits, and the host's rest; each step is one execution, whose arguments
// are counted over the devices. Batches of 16 images have 32x32x3 bytes each, and two views' parameters.
func TestBenchTrainHost(t *testing.T) {
	xlatest.CPU(t, 2) // skips where there is no plugin
	tiny := strings.Fields("bench train --preset=glyphs --width=2 --dim=8 --batch=16 --bn-groups=2 --queue=32 --image-size=8 " +
		"--train-images=64 --repeat=4 --knn-every=0 --backend=cpu --devices=2")
	code, out, talk := call(t, append(tiny, "--json")...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, talk)
	}
	var r benchTrainReport
	must.M(json.Unmarshal([]byte(out), &r))
	h := r.Host
	if h == nil {
		t.Fatal("no host's share")
	}
	if sum := h.ExecutingMS + h.WaitingMS + h.HostMS; h.ExecutingMS <= 0 || h.HostMS <= 0 || math.Abs(sum-h.StepMS) > 1e-6*h.StepMS || math.Abs(h.Share-h.HostMS/h.StepMS) > 1e-9 {
		t.Errorf("a step of %v ms: %+v, want parts that add up", h.StepMS, *h)
	}
	// The state has 164 tensors; images, two views' parameters and the rate come with them.
	if want := 2.0 * (164 + 4); h.Buffers != want || h.CgoCalls < want {
		t.Errorf("%v buffers and %v calls into C, want %v and more", h.Buffers, h.CgoCalls, want)
	}
	if least := int64(16 * 32 * 32 * 3); h.InputBytes <= least || h.InputBytes > least+16*2*4*100 {
		t.Errorf("%d bytes of inputs, want the images' %d and those of the views' parameters", h.InputBytes, least)
	}
	if text := h.String(); !strings.Contains(text, "the host between executions") {
		t.Errorf("it says %q", text)
	}
}
