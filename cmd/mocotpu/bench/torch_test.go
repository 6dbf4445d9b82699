package bench

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/run"
)

// peerPython is the Python that a variable of the environment names; the test is skipped without.
func peerPython(t *testing.T, variable, library string) string {
	t.Helper()
	python := os.Getenv(variable)
	if python == "" {
		t.Skipf("%s does not name a Python with %s", variable, library)
	}
	return python
}

// realPeers is a measurement of the tiny step, changed by change, on the go engine and in real Pythons.
func realPeers(t *testing.T, o Options, change func(c *run.Config)) *comparison {
	t.Helper()
	c := run.Glyphs()
	c.Engine.Backend, c.Encoder.Width, c.Encoder.Dim, c.Views.ImageSize = "go", 8, 16, 16
	c.MoCo.Batch, c.MoCo.Groups, c.MoCo.Queue, c.Optim.LR = 16, 2, 40, 0.01
	change(&c)
	must.M(c.Validate())
	o.Engines, o.Talk, o.Repeat, o.Limit = testEngines, t.Output(), 3, 10*time.Minute
	return must.M1(newComparison(t.Context(), c, must.M1(testEngines.look(c)), o, t.TempDir()))
}

// agree holds the losses of the programs' first steps together: the first one's shows the encoders and the loss, later
// ones' all of the state.
func agree(t *testing.T, b *comparison, programs, steps int) {
	t.Helper()
	var losses [][]float64
	for _, row := range b.report.Rows {
		if len(row.Losses) < steps {
			t.Errorf("%s: %d losses, want %d: %s", row.label("program")+" "+row.label("variant"), len(row.Losses), steps, row.Missing)
			continue
		}
		losses = append(losses, row.Losses)
	}
	if len(losses) != programs {
		t.Fatalf("%d programs, want %d", len(losses), programs)
	}
	for step := range steps {
		tolerance := 1e-3
		if step == 0 {
			tolerance = 1e-4
		}
		if d := apart(losses, step); !(d <= tolerance) {
			t.Errorf("the losses of step %d are %g apart, want %g", step, d, tolerance)
		}
	}
}

// mlpSymmetric is the other half of what a step can be.
func mlpSymmetric(c *run.Config) { c.Encoder.Head, c.MoCo.Symmetric = "mlp", true }

// bottlenecks are those of ResNet-50, with the stem for large images.
func bottlenecks(c *run.Config) {
	c.Encoder.Arch, c.Encoder.Stem, c.Encoder.Width, c.Views.ImageSize = "resnet50", "imagenet", 4, 64
}

// Each way PyTorch runs the step gives mocotpu's losses: they are one algorithm.
func TestTorchAgrees(t *testing.T) {
	python := peerPython(t, "MOCOTPU_TORCH_PYTHON", "torch and torchvision")
	variants := torchVariants
	if exec.Command("g++", "--version").Run() != nil {
		t.Log("torch.compile is left out: no g++")
		variants = variants[:len(variants)-1]
	}
	for name, change := range map[string]func(*run.Config){"linear": func(*run.Config) {}, "symmetric": mlpSymmetric} {
		t.Run(name, func(t *testing.T) {
			b := realPeers(t, Options{Python: python}, change)
			must.M(b.ours(t.Context(), whatStep, 1, "float32"))
			for _, variant := range variants {
				must.M(b.torch(t.Context(), whatStep, variant, "float32"))
			}
			agree(t, b, len(variants)+1, 5)
		})
	}
}

// JAX's step gives mocotpu's losses.
func TestJAXAgrees(t *testing.T) {
	python := peerPython(t, "MOCOTPU_JAX_PYTHON", "jax")
	for name, change := range map[string]func(*run.Config){
		"linear": func(*run.Config) {}, "symmetric": mlpSymmetric, "bottlenecks": bottlenecks,
	} {
		t.Run(name, func(t *testing.T) {
			steps := 5
			if name == "bottlenecks" {
				steps = 1 // rounding grows too fast in so deep a net
			}
			b := realPeers(t, Options{JAXPython: python}, change)
			must.M(b.ours(t.Context(), whatStep, 1, "float32"))
			must.M(b.jax(t.Context(), "float32"))
			agree(t, b, 2, steps)
		})
	}
}

// PyTorch makes the views of every recipe, and learns from them what is not the plain images' loss.
func TestTorchEpochs(t *testing.T) {
	python := peerPython(t, "MOCOTPU_TORCH_PYTHON", "torch and torchvision")
	for _, views := range augment.Presets() {
		t.Run(views, func(t *testing.T) {
			b := realPeers(t, Options{Python: python}, func(c *run.Config) { must.M(c.Views.Choose(views)) })
			b.base.Workers = 1
			must.M(b.torch(t.Context(), whatEpoch, torchVariants[0], "float32"))
			row := b.report.Rows[0]
			if row.Missing != "" || row.Iterations != 6 || len(row.Losses) != 10 || slices.Max(row.Losses) > 20 || row.Losses[0] == row.Losses[1] {
				t.Errorf("row %s, want six timed steps behind four, with losses near chance", fmt.Sprintf("%+v", row))
			}
		})
	}
}
