package run

import "math"

// milestoneFactor multiplies the rate at each milestone of schedule step.
const milestoneFactor = 0.1

// LR returns the learning rate of one step: step stepInEpoch (from 0) of epoch
// epoch (from 0) in a run of epochs epochs of stepsPerEpoch steps.
//
//   - cosine: LR/2*(1+cos(pi*epoch/epochs)), constant within an epoch and above
//     0 in the last, as the reference's adjust_learning_rate.
//   - cosine-step: the same curve over steps.
//   - step: LR times 0.1 for each milestone at or before epoch.
//   - constant: LR.
//
// During the first Warmup epochs the rate rises per step in a straight line from
// 0 to LR, and the two cosines span what is left, as in MoCo v3; milestones stay
// where they are. LR is a pure function of validated settings and panics on a
// schedule that [Config.Validate] refuses.
func LR(o Optim, epoch, stepInEpoch, stepsPerEpoch, epochs int) float64 {
	now := float64(epoch) + float64(stepInEpoch)/float64(stepsPerEpoch)
	if now < o.Warmup {
		return o.LR * now / o.Warmup
	}
	switch o.Schedule {
	case "cosine":
		return cosine(o, float64(epoch), epochs)
	case "cosine-step":
		return cosine(o, now, epochs)
	case "step":
		lr := o.LR
		for _, m := range o.Milestones {
			if epoch >= m {
				lr *= milestoneFactor
			}
		}
		return lr
	case "constant":
		return o.LR
	}
	panic("run: LR: unknown schedule " + o.Schedule)
}

// cosine falls from o.LR at the end of the warm-up to 0 at the end of the run.
// A warm-up that ends within an epoch leaves epoch before it: hence the floor.
func cosine(o Optim, epoch float64, epochs int) float64 {
	progress := max(0, epoch-o.Warmup) / (float64(epochs) - o.Warmup)
	return o.LR * 0.5 * (1 + math.Cos(math.Pi*progress))
}
