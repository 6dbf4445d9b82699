package pretrain

import (
	"math"
	"time"

	"github.com/mocotpu/mocotpu/models/moco"
)

// figures gathers what steps return into the next row.
type figures struct {
	steps   int
	sums    [moco.NumFigures]float64
	begin   time.Time
	waiting time.Duration
}

func (f *figures) add(values []float32, waited time.Duration) {
	for i, v := range values {
		f.sums[i] += float64(v)
	}
	f.steps++
	f.waiting += waited
}

// row turns the sums into means and starts over. The caller fills in where the run is.
func (f *figures) row(c Config, now time.Time) Row {
	mean := func(i int) Float { return Float(f.sums[i] / float64(f.steps)) }
	elapsed := now.Sub(f.begin).Seconds()
	r := Row{
		Loss:     mean(moco.FigureLoss),
		Chance:   Float(Chance(c.MoCo.Queue, c.MoCo.Symmetric)),
		Top1:     100 * mean(moco.FigureTop1),
		Top5:     100 * mean(moco.FigureTop5),
		Positive: mean(moco.FigurePositive),
		Negative: mean(moco.FigureNegative),
		Spread:   mean(moco.FigureSpread),
		GradNorm: mean(moco.FigureGradientNorm),
		Time: Time{
			ImagesPerSecond: Float(float64(f.steps*c.MoCo.Batch) / elapsed),
			DataWait:        Float(f.waiting.Seconds() / elapsed),
		},
	}
	if c.MoCo.Symmetric {
		r.Terms = []Float{mean(moco.FigureLossQuery), mean(moco.FigureLossKey)}
	}
	*f = figures{begin: now}
	return r
}

// figureNames are what a user calls the figures that must stay finite.
var figureNames = map[int]string{moco.FigureLoss: "the loss", moco.FigureGradientNorm: "the gradient's norm"}

// notFinite names the first figure that is NaN or infinite, or is "".
func notFinite(values []float32) string {
	for _, i := range []int{moco.FigureLoss, moco.FigureGradientNorm} {
		if x := float64(values[i]); math.IsNaN(x) || math.IsInf(x, 0) {
			return figureNames[i]
		}
	}
	return ""
}
