package run

import (
	"math"
	"testing"
)

// TestLRPublished holds the schedules to the learning rates that the references
// print, or that follow from their definitions.
func TestLRPublished(t *testing.T) {
	v1, v2 := MoCoV1().Optim, MoCoV2().Optim
	v3 := Optim{LR: 9.6, Warmup: 10, Schedule: "cosine-step"}
	short := Optim{LR: 1, Warmup: 0.5, Schedule: "cosine"}
	tests := []struct {
		name         string
		optim        Optim
		epoch, step  int
		steps, total int
		want         float64
	}{
		{"v2 first epoch", v2, 0, 0, 100, 200, 0.03},
		{"v2 holds within an epoch", v2, 0, 99, 100, 200, 0.03},
		{"v2 second epoch", v2, 1, 0, 100, 200, 0.02999815},
		{"v2 half way", v2, 100, 0, 100, 200, 0.015},
		{"v2 last epoch", v2, 199, 99, 100, 200, 0.00000185},
		{"v1 before the first milestone", v1, 119, 99, 100, 200, 0.03},
		{"v1 at the first milestone", v1, 120, 0, 100, 200, 0.003},
		{"v1 before the second milestone", v1, 159, 99, 100, 200, 0.003},
		{"v1 at the second milestone", v1, 160, 0, 100, 200, 0.0003},
		{"v3 first step", v3, 0, 0, 100, 100, 0},
		{"v3 half the warm-up", v3, 5, 0, 100, 100, 4.8},
		{"v3 between two epochs", v3, 5, 50, 100, 100, 5.28},
		{"v3 end of the warm-up", v3, 10, 0, 100, 100, 9.6},
		{"v3 half the cosine", v3, 55, 0, 100, 100, 4.8},
		{"warm-up of half an epoch", short, 0, 1, 4, 2, 0.5},
		{"never above the peak after it", short, 0, 3, 4, 2, 1},
		{"constant", Optim{LR: 0.1, Schedule: "constant"}, 7, 3, 10, 9, 0.1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := LR(tt.optim, tt.epoch, tt.step, tt.steps, tt.total)
			if math.Abs(got-tt.want) > 5e-9 {
				t.Errorf("LR(epoch %d, step %d) = %.9f, want %.9f", tt.epoch, tt.step, got, tt.want)
			}
		})
	}
}

// TestLRNotebook: the CIFAR notebook prints the rates of epochs counted from 1;
// ours are the same curve one epoch later.
func TestLRNotebook(t *testing.T) {
	o := CIFAR10().Optim
	for epoch := 1; epoch < 200; epoch++ {
		printed := 0.06 * 0.5 * (1 + math.Cos(math.Pi*float64(epoch)/200))
		if got := LR(o, epoch, 7, 97, 200); math.Abs(got-printed) > 5e-7 {
			t.Errorf("epoch %d: LR = %.6f, the notebook has %.6f", epoch, got, printed)
		}
	}
}

// TestLRCosineStepFalls: per step, the cosine falls at every step and agrees
// with the cosine per epoch at the start of each.
func TestLRCosineStepFalls(t *testing.T) {
	o := Optim{LR: 0.06, Schedule: "cosine-step"}
	last := math.Inf(1)
	for step := range 12 * 5 {
		lr := LR(o, step/5, step%5, 5, 12)
		if lr >= last || lr <= 0 {
			t.Fatalf("step %d: LR = %g after %g, want lower and above 0", step, lr, last)
		}
		last = lr
		if step%5 == 0 {
			if epoch := LR(Optim{LR: 0.06, Schedule: "cosine"}, step/5, 0, 5, 12); lr != epoch {
				t.Errorf("epoch %d: per step %g, per epoch %g", step/5, lr, epoch)
			}
		}
	}
}
