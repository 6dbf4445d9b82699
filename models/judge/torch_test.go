package judge

import (
	"fmt"
	"math"
	"os"
	"testing"

	_ "github.com/gomlx/compute/gobackend"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// torchTolerance is how far a loss may lie from the recorded float64 one, relative. PyTorch's own float32 run is up to
// 5e-6 away.
const torchTolerance = 1e-4

// recordedCurves is what testdata/gen_torch.py recorded.
type recordedCurves struct {
	Rows, Dim, Classes, Batch, Steps int
	Rates                            []float64
	Curves                           []struct {
		Rate, Decay float64
		Losses      []float64
	}
}

// features are the formula's, the same bits as the generator's.
func (r recordedCurves) features() Labelled {
	set := Labelled{Features: encoder.Features{Dim: r.Dim}}
	for row := range r.Rows {
		label := row % r.Classes
		set.Labels = append(set.Labels, int32(label))
		for d := range r.Dim {
			center := parity.Uniform("probe/centers", label*r.Dim+d) / 2
			set.Data = append(set.Data, float32((parity.Uniform("probe/features", row*r.Dim+d)+center)/8))
		}
	}
	return set
}

func (r recordedCurves) weights() []float32 {
	w := make([]float32, r.Classes*r.Dim)
	for i := range w {
		w[i] = float32(parity.Uniform("probe/weight", i) / 64)
	}
	return w
}

// rows are those of a step: in order, epoch after epoch, the last batch of each smaller.
func (r recordedCurves) rows(step int) []int {
	start := step % ((r.Rows + r.Batch - 1) / r.Batch) * r.Batch
	return sequence(r.Rows)[start:min(start+r.Batch, r.Rows)]
}

func TestTorchCurves(t *testing.T) { testTorchCurves(t, engines.Mesh(t, engines.Go(t), 1)) }

// testTorchCurves trains the recorded classifiers, all rates side by side in one program, and compares every loss.
func testTorchCurves(t *testing.T, m *mesh.Mesh) {
	var recorded recordedCurves
	if err := parity.Load(os.DirFS("testdata"), "probe.json", &recorded); err != nil {
		t.Fatal(err)
	}
	if len(recorded.Curves) != 6 || recorded.Steps != 50 {
		t.Fatalf("%d curves of %d steps, want 6 of 50", len(recorded.Curves), recorded.Steps)
	}
	set := recorded.features()
	for at := 0; at < len(recorded.Curves); at += len(recorded.Rates) {
		decay := recorded.Curves[at].Decay
		t.Run(fmt.Sprintf("decay %g", decay), func(t *testing.T) {
			options := SweepOptions{Batch: recorded.Batch, Momentum: 0.9, WeightDecay: decay}
			p, err := newProbe(m, recorded.Dim, recorded.Classes, options, recorded.Rates)
			if err != nil {
				t.Fatal(err)
			}
			defer p.close()
			if err := p.head.set(p.store, recorded.weights()); err != nil {
				t.Fatal(err)
			}
			for step := range recorded.Steps {
				got, err := p.descend(set, recorded.rows(step), tenths(step, recorded.Steps))
				if err != nil {
					t.Fatal(err)
				}
				for i, rate := range recorded.Rates {
					want := recorded.Curves[at+i].Losses[step]
					if d := math.Abs(float64(got[i])-want) / want; !(d < torchTolerance) {
						t.Fatalf("rate %g, step %d: loss %.7g, want %.7g: %.1e away", rate, step, got[i], want, d)
					}
				}
			}
		})
	}
}
