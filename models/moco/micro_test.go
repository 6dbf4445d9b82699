package moco_test

import (
	"testing"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/trial"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// variants are the steps that micro-batches are tried on.
var variants = map[string]func(*moco.Step){
	"v1":        func(*moco.Step) {},
	"v2":        func(c *moco.Step) { c.Encoder.Head, c.Temperature = resnet.HeadMLP, 0.2 },
	"symmetric": func(c *moco.Step) { c.Symmetric = true },
}

// TestMicroBatchesOnTheGoEngine: a step in micro-batches gives the numbers of the whole batch at once: losses, both encoders
// with their running statistics, the queue, and SGD's buffers.
func TestMicroBatchesOnTheGoEngine(t *testing.T) {
	for name, change := range variants {
		t.Run(name, func(t *testing.T) {
			c := trial.Small()
			change(&c)
			var runs []trial.Run
			for _, c.Micro = range []int{0, 2, 4} {
				tr := newRunner(t, engines.Go(t), 1, c)
				runs = append(runs, tr.conditioned().run(t, 3, 0.001))
				tr.Close()
			}
			for _, micro := range runs[1:] {
				compareRuns(t, micro, runs[0], trial.Elsewhere)
			}
		})
	}
}
