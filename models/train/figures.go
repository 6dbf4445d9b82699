package train

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
)

// figures gathers what steps return into the next row.
type figures struct {
	steps   int
	sums    [moco.NumFigures]float64
	begin   time.Time
	timed   int // of steps, those since begin: not those of an earlier process
	waiting time.Duration
}

func (f *figures) add(values moco.Figures, waited time.Duration) {
	for i, v := range values {
		f.sums[i] += float64(v)
	}
	f.steps++
	f.timed++
	f.waiting += waited
}

// savedFigures is what a checkpoint keeps of figures.
type savedFigures struct {
	Steps int         `json:"steps"`
	Sums  []run.Float `json:"sums"`
}

// MarshalJSON implements [json.Marshaler]. The times belong to the process and stay out.
func (f figures) MarshalJSON() ([]byte, error) {
	saved := savedFigures{Steps: f.steps, Sums: make([]run.Float, len(f.sums))}
	for i, sum := range f.sums {
		saved.Sums[i] = run.Float(sum)
	}
	return json.Marshal(saved)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (f *figures) UnmarshalJSON(text []byte) error {
	var saved savedFigures
	if err := json.Unmarshal(text, &saved); err != nil {
		return err
	}
	if len(saved.Sums) != len(f.sums) {
		return fmt.Errorf("%d sums, want %d", len(saved.Sums), len(f.sums))
	}
	*f = figures{steps: saved.Steps}
	for i, sum := range saved.Sums {
		f.sums[i] = float64(sum)
	}
	return nil
}

// row turns the sums into means and starts over. The caller fills in where the run is.
func (f *figures) row(c run.Config, now time.Time) run.Row {
	mean := func(i int) run.Float { return run.Float(f.sums[i] / float64(f.steps)) }
	elapsed := now.Sub(f.begin).Seconds()
	r := run.Row{
		Loss:     mean(moco.FigureLoss),
		Chance:   run.Float(run.Chance(c.MoCo.Queue, c.MoCo.Symmetric)),
		Top1:     100 * mean(moco.FigureTop1),
		Top5:     100 * mean(moco.FigureTop5),
		Positive: mean(moco.FigurePositive),
		Negative: mean(moco.FigureNegative),
		Spread:   mean(moco.FigureSpread),
		GradNorm: mean(moco.FigureGradientNorm),
		Time: run.Time{
			ImagesPerSecond: run.Float(float64(f.timed*c.MoCo.Batch) / elapsed),
			DataWait:        run.Float(f.waiting.Seconds() / elapsed),
		},
	}
	if c.MoCo.Symmetric {
		r.Terms = []run.Float{mean(moco.FigureLossQuery), mean(moco.FigureLossKey)}
	}
	*f = figures{begin: now}
	return r
}
