package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/tpu"
	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla"
)

// fitOf searches for a v2-8 in a world whose programs take 1 GiB and 2 MiB for each image of a device, half of that in
// bfloat16, half again with blocks computed again, which costs a third more time, and a part of it in micro-batches, which
// costs a tenth more.
func fitOf(t *testing.T, batch, groups int, asJSON bool) (text, tooBig string) {
	t.Helper()
	target := plan.TPU(must.M1(tpu.Lookup("v2-8")), 0)
	linear := func(c run.Config) (*plan.Plan, error) {
		perImage, seconds := int64(2<<20), 0.001*float64(c.MoCo.Batch)
		if c.Encoder.Precision == "bfloat16" {
			perImage, seconds = perImage/2, seconds*0.7
		}
		if c.Encoder.Remat == "block" {
			perImage, seconds = perImage/2, seconds*4/3
		}
		if c.MoCo.Micro > 1 {
			perImage, seconds = perImage/int64(c.MoCo.Micro), seconds*1.1
		}
		p := &plan.Plan{Program: machine.ProgramOf(c), Target: target, Time: plan.Time{Step: seconds, Bound: plan.BoundMemory}}
		p.Memory = xla.Memory{Arguments: 1 << 30, Peak: 1<<30 + perImage*int64(c.MoCo.Batch/target.Devices)}
		if p.Fits = p.Memory.Peak <= target.Usable; !p.Fits {
			p.Failure = &plan.Failure{Needed: p.Memory.Peak, Available: target.Usable, State: 1 << 30}
		}
		return p, nil
	}
	config := run.MoCoV1()
	config.MoCo.Batch, config.MoCo.Queue, config.MoCo.Groups = batch, max(config.MoCo.Queue, batch), groups
	config.Engine.Devices = target.Devices
	var out bytes.Buffer
	tooBig, err := compileFlags{json: asJSON}.fitOne(&out, compileTarget{config, "v2-8", target}, linear)
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), tooBig
}

// A v2 core holds 6.48 GiB of temporaries in that world: 3317 images in float32, so 26 536 on eight, of which the largest
// multiple of 64 is 26 496.
func TestFit(t *testing.T) {
	text, tooBig := fitOf(t, 32768, 8, false)
	for _, part := range []string{
		"settings for batch 32768", "cheapest that fits: --precision=bfloat16 --remat=none, ideal step 22937.6 ms",
		"\n\nbatches with --precision=float32 --remat=none\n", "largest batch that fits: 25",
	} {
		if !strings.Contains(text, part) || tooBig != "" {
			t.Errorf("no %q, or %q does not fit, in\n%s", part, tooBig, text)
		}
	}
	var f plan.Fitting
	text, _ = fitOf(t, 32768, 8, true)
	must.M(json.Unmarshal([]byte(text), &f))
	if len(f.Settings) != 4 || f.Cheapest.Program.Precision != "bfloat16" || f.Cheapest.Program.Remat != "none" {
		t.Errorf("cheapest %+v of %d settings", f.Cheapest, len(f.Settings))
	}
	const largest = 26496
	if at := f.Largest.Program.Batch; at > largest || f.TooBig <= largest || f.TooBig-at > at/16 || at%64 != 0 {
		t.Errorf("batch %d fits, %d does not, want around %d", at, f.TooBig, largest)
	}
}

func TestFitNothing(t *testing.T) {
	text, tooBig := fitOf(t, 1<<20, 8, false)
	if tooBig != "batch 1048576 for v2-8, whatever the settings" || !strings.Contains(text, "none of them fits") || !strings.Contains(text, "largest batch that fits: 2") {
		t.Errorf("got %q and\n%s", tooBig, text)
	}
}

// TestFitInMicroBatches: where a device has several groups, the fewest micro-batches that fit are tried in each precision that
// does not fit whole. In the world above 131 072 images fit bfloat16 with blocks computed again, bfloat16 in 4 parts and
// float32 in 8.
func TestFitInMicroBatches(t *testing.T) {
	text, tooBig := fitOf(t, 1<<17, 128, true)
	if tooBig != "" {
		t.Fatalf("%s does not fit", tooBig)
	}
	var f plan.Fitting
	must.M(json.Unmarshal([]byte(text), &f))
	var micros []string
	for _, p := range f.Settings[4:] {
		micros = append(micros, fmt.Sprintf("%s in %d: %t", p.Program.Precision, p.Program.Micro, p.Fits))
	}
	if got, want := strings.Join(micros, ", "), "float32 in 8: true, bfloat16 in 4: true"; got != want {
		t.Errorf("micro-batches tried: %s, want %s", got, want)
	}
	if c := f.Cheapest; c == nil || c.Program.Precision != "bfloat16" || c.Program.Micro != 4 {
		t.Errorf("cheapest %+v, want bfloat16 in 4 micro-batches", c)
	}
	if text, _ := fitOf(t, 1<<17, 128, false); !strings.Contains(text, "--precision=bfloat16 --remat=none --micro=4, ideal step") || !strings.Contains(text, "micro  fits") {
		t.Errorf("no micro-batches in\n%s", text)
	}
}
