package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/tpu"
	"github.com/mocotpu/mocotpu/tpu/plan"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/aot"
)

// linear plays a compiler whose programs take 1 GiB and 2 MiB for each image of a device, half of that in bfloat16, half
// again with blocks computed again, which costs a third more time.
func linear(_ context.Context, j compileJob, t plan.Target) (*aot.Compilation, *plan.Plan, error) {
	e := j.Config.Encoder
	perImage, seconds := int64(2<<20), 0.001*float64(j.Config.MoCo.Batch)
	if e.Precision == "bfloat16" {
		perImage, seconds = perImage/2, seconds*0.7
	}
	if e.Remat == "block" {
		perImage, seconds = perImage/2, seconds*4/3
	}
	p := &plan.Plan{Program: planProgram(j.Config), Target: t, Time: plan.Time{Step: seconds, Bound: plan.BoundMemory}}
	p.Memory = xla.Memory{Arguments: 1 << 30, Peak: 1<<30 + perImage*int64(j.Config.MoCo.Batch/t.Devices)}
	if p.Fits = p.Memory.Peak <= t.Usable; !p.Fits {
		p.Failure = &plan.Failure{Needed: p.Memory.Peak, Available: t.Usable, State: 1 << 30}
	}
	return &aot.Compilation{}, p, nil
}

func fitOf(t *testing.T, batch int, asJSON bool) (text, talk string, err error) {
	t.Helper()
	topology, err := tpu.Lookup("v2-8")
	if err != nil {
		t.Fatal(err)
	}
	config := run.MoCoV1()
	config.MoCo.Batch, config.MoCo.Queue = batch, max(config.MoCo.Queue, batch)
	var out, progress bytes.Buffer
	c := newCompiler(compileFlags{json: asJSON}, "", &progress)
	c.do = linear
	err = c.fit(t.Context(), &out, compileTarget{job: compileJob{Config: config}, target: plan.TPU(topology, 0)})
	return out.String(), progress.String(), err
}

// A v2 core holds 6.48 GiB of temporaries in that world: 3317 images in float32, so 26 536 on eight, of which the largest
// multiple of 64 is 26 496.
func TestFit(t *testing.T) {
	text, talk, err := fitOf(t, 32768, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"settings for batch 32768", "cheapest that fits: --precision=bfloat16 --remat=none, ideal step 22937.6 ms", "batches with --precision=float32 --remat=none",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	if strings.Count(talk, "compiling for v2-8") < 5 || !strings.Contains(talk, "does not fit") {
		t.Errorf("progress %q", talk)
	}
	text, _, err = fitOf(t, 32768, true)
	var f fitting
	if err := errors.Join(err, json.Unmarshal([]byte(text), &f)); err != nil {
		t.Fatal(err)
	}
	if len(f.Settings) != 4 || f.Cheapest.Program.Precision != "bfloat16" || f.Cheapest.Program.Remat != "none" {
		t.Errorf("cheapest %+v of %d settings", f.Cheapest, len(f.Settings))
	}
	const largest = 26496
	if at := f.Largest.Program.Batch; at > largest || f.TooBig <= largest || f.TooBig-at > at/16 || at%64 != 0 {
		t.Errorf("batch %d fits, %d does not, want around %d", at, f.TooBig, largest)
	}
}

func TestFitNothing(t *testing.T) {
	text, _, err := fitOf(t, 1<<20, false)
	if !errors.Is(err, errTooBig) || !strings.Contains(text, "none of them fits") || !strings.Contains(text, "largest batch that fits: 2") {
		t.Errorf("got %v and\n%s", err, text)
	}
}
