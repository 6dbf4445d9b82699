package train

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/convert"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// afterwards is what PyTorch made of the epochs after a checkpoint: testdata/gen_checkpoint.py.
type afterwards struct {
	Config struct {
		Arch          string  `json:"arch"`
		Stem          string  `json:"stem"`
		Head          string  `json:"head"`
		Width         int     `json:"width"`
		Dim           int     `json:"dim"`
		ImageSize     int     `json:"image_size"`
		Batch         int     `json:"batch"`
		QueueLen      int     `json:"queue_len"`
		Groups        int     `json:"groups"`
		KeyMomentum   float64 `json:"key_momentum"`
		Temperature   float64 `json:"temperature"`
		LR            float64 `json:"lr"`
		SGDMomentum   float64 `json:"sgd_momentum"`
		WeightDecay   float64 `json:"weight_decay"`
		Schedule      string  `json:"schedule"`
		Milestones    []int   `json:"milestones"`
		Epochs        int     `json:"epochs"`
		StepsPerEpoch int     `json:"steps_per_epoch"`
		Done          int     `json:"done"`
	} `json:"config"`
	Losses       []float64       `json:"losses"`
	FinalPointer int             `json:"final_pointer"`
	Tensors      []parity.Record `json:"tensors"`
}

// goingOn is the configuration of a run that goes on from the checkpoint, on images of which an epoch has as many steps.
func (a afterwards) goingOn(t testing.TB, version string) run.Config {
	c, r := tiny(t.TempDir()), a.Config
	c.KNN.Every = 0
	c.Data.TrainImages, c.Views.ImageSize = r.Batch*r.StepsPerEpoch, r.ImageSize
	c.Encoder = resnet.Config{
		Arch: r.Arch, Width: r.Width, Stem: r.Stem, Head: r.Head, Dim: r.Dim, Precision: resnet.Float32, Remat: resnet.RematNone,
	}
	c.MoCo = moco.Config{
		Batch: r.Batch, Queue: r.QueueLen, KeyMomentum: r.KeyMomentum, Temperature: r.Temperature, Groups: r.Groups, Shuffle: true,
	}
	c.Optim = run.Optim{LR: r.LR, Momentum: r.SGDMomentum, WeightDecay: r.WeightDecay, Schedule: r.Schedule, Milestones: r.Milestones}
	c.Run.Epochs, c.Run.ResumeFrom = r.Epochs, checkpointOf(version)
	return c
}

func checkpointOf(version string) string {
	return filepath.Join("testdata", "checkpoint_"+version+".pth.tar")
}

func recordedAfter(t testing.TB, version string) (a afterwards) {
	t.Helper()
	must.M(parity.Load(os.DirFS("testdata"), "after_"+version+".json", &a))
	return a
}

// The losses of the steps after a checkpoint of PyTorch's are PyTorch's within 1e-5, relatively, and so is every tensor of
// the state after them, but for SGD's buffers, which are sums of gradients that mostly cancel.
func TestGoingOnFromPyTorchV1(t *testing.T) { testGoingOn(t, goMachine(t), "v1") }
func TestGoingOnFromPyTorchV2(t *testing.T) { testGoingOn(t, goMachine(t), "v2") }

func testGoingOn(t *testing.T, m Machine, version string) {
	want := recordedAfter(t, version)
	s := &session{config: want.goingOn(t, version), machine: m, report: &recorder{}, now: time.Now}
	must.M(s.openData())
	must.M(s.openDir(durable.Disk{}))
	defer s.close()
	ended, end := context.WithCancel(t.Context())
	end() // so that nothing is compiled: the step that runs is another one
	must.M(s.build(ended))
	if notes := strings.Join(s.report.(*recorder).notes, "\n"); !strings.Contains(notes, "and epoch 2 of") || strings.Contains(notes, "warning: its") {
		t.Errorf("notes %q, want that it goes on at epoch 2, and no objection", notes)
	}

	// The session's state, in a step that sees the recorded images.
	definition := s.definition
	definition.Views = parity.Affine{}
	other := must.M1(step.New(engines.Mesh(t, m.Backend, m.Devices), definition, 0))
	defer other.Close()
	must.M(other.Restore(stateTensors(t, s.step)))
	must.M(other.Compile(want.Config.ImageSize, 3))
	worst := map[string]float64{}
	for i, loss := range want.Losses {
		lr := run.LR(s.config.Optim, s.done/s.perEpoch, s.done%s.perEpoch, s.perEpoch, s.epochs)
		figures, err := other.RunTensors(recordedInputs(definition, fmt.Sprint(s.done), float32(lr))...)
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(figures[moco.FigureLoss]); !(math.Abs(got-loss) <= parity.Elsewhere*loss) {
			t.Errorf("loss %d after the checkpoint is %.9g, want %.9g within %g of it", i, got, loss, parity.Elsewhere)
		}
		worst["loss"] = max(worst["loss"], math.Abs(float64(figures[moco.FigureLoss])-loss)/loss)
		s.done++
	}
	if s.done != s.total {
		t.Errorf("%d steps are done, of %d, want all", s.done, s.total)
	}

	// And back: what is saved and exported for facebookresearch/moco holds PyTorch's state after the same steps.
	must.M(s.step.Restore(stateTensors(t, other)))
	must.M(s.save())
	must.M(s.saver.wait())
	saved := must.M1(encoder.LoadRun(s.config.Run.Dir))
	path := filepath.Join(t.TempDir(), "after.pth.tar")
	must.M1(convert.Export(path, "moco", convert.Source{Encoder: saved.Query, Run: saved}, convert.Options{}))
	after := must.M1(convert.LoadCheckpoint(path))
	if last := run.LR(s.config.Optim, s.epochs-1, s.perEpoch-1, s.perEpoch, s.epochs); !near(after.Config.Optim.LR, last) {
		t.Errorf("the exported optimizer has the rate %g, want the last step's, %g", after.Config.Optim.LR, last)
	}
	if n := after.Query.Manifest.Source; n.Epoch != want.Config.Epochs || n.Step != s.total || after.QueuePtr != want.FinalPointer {
		t.Errorf("exported: epoch %d, %d steps, queue at %d, want %d, %d and %d", n.Epoch, n.Step, after.QueuePtr, want.Config.Epochs, s.total, want.FinalPointer)
	}
	for _, r := range want.Tensors {
		distance, err := r.Check(inTorch(after, r), goingOnTolerance(r.Name))
		if err != nil {
			t.Error(err)
		}
		kind, _, _ := strings.Cut(r.Name, "/")
		worst[kind] = max(worst[kind], distance)
	}
	t.Logf("%d losses and %d tensors; largest relative difference of each kind: %v", len(want.Losses), len(want.Tensors), worst)
}

func goingOnTolerance(name string) float64 {
	if strings.HasPrefix(name, moco.MomentumScope+"/") {
		return parity.GradientElsewhere
	}
	return parity.Elsewhere
}

// inTorch is a recorded tensor of a state in torch's layout.
func inTorch(r *encoder.Run, record parity.Record) []float32 {
	scope, name, _ := strings.Cut(record.Name, "/")
	if scope == moco.QueueName {
		return r.Queue
	}
	from := map[string]map[string][]float32{
		moco.QueryScope: r.Query.Values, moco.KeyScope: r.Key.Values, moco.MomentumScope: r.Momentum,
	}[scope]
	for _, p := range r.Query.Manifest.Network.Config().Params() {
		if p.Name == name {
			values, _ := resnet.ToTorch(from[name], p.Dims)
			return values
		}
	}
	return nil
}

// stateTensors is a copy of the state of a step.
func stateTensors(t testing.TB, s *step.Step) []safetensors.Tensor {
	t.Helper()
	var copied snapshot
	must.M(copied.take(s))
	var all []safetensors.Tensor
	for _, f := range copied.files {
		all = append(all, f.Tensors...)
	}
	return all
}

// recordedInputs are those of a step of the recorded run, by number.
func recordedInputs(s moco.Step, number string, lr float32) []*tensors.Tensor {
	return parity.StepInputs(s.Batch, s.ImageSize, s.ShuffleOrder(), false, number, lr)
}

// A run that goes on from a checkpoint of all its epochs does no step, and its export is the checkpoint, bit for bit. After
// a device has failed before the first checkpoint of its own, it is at the file's state again.
func TestTheStateGoesThrough(t *testing.T) {
	for _, version := range []string{"v1", "v2"} {
		want := must.M1(convert.LoadCheckpoint(checkpointOf(version)))
		c := recordedAfter(t, version).goingOn(t, version)
		s := builtSession(t, c)
		before := stateTensors(t, s.step)
		must.M(s.step.Reset())
		s.reloadedAt = 0
		must.M(s.backToCheckpoint())
		if after := stateTensors(t, s.step); s.done != 4 || !slices.EqualFunc(before, after, sameTensor) {
			t.Errorf("%s: after a failed device it is at step %d, or in another state, want 4", version, s.done)
		}
		must.M(s.close())

		c.Run.Dir, c.Run.Epochs = t.TempDir(), 2
		result, err := Train(t.Context(), c, goMachine(t), nil)
		if err != nil || result.Steps != 4 || result.Epochs != 2 {
			t.Fatalf("%s: %+v, error %v, want 4 steps in 2 epochs, those of the file", version, result, err)
		}
		saved := must.M1(encoder.LoadRun(c.Run.Dir))
		path := filepath.Join(t.TempDir(), "same.pth.tar")
		must.M1(convert.Export(path, "moco", convert.Source{Encoder: saved.Query, Run: saved}, convert.Options{}))
		got := must.M1(convert.LoadCheckpoint(path))
		if !sameValues(got.Query.Values, want.Query.Values) || !sameValues(got.Key.Values, want.Key.Values) ||
			!sameValues(got.Momentum, want.Momentum) || !slices.Equal(got.Queue, want.Queue) || got.QueuePtr != want.QueuePtr {
			t.Errorf("%s: the state is another one", version)
		}
		if a, b := got.Query.Manifest.Source, want.Query.Manifest.Source; a.Epoch != b.Epoch || a.Step != b.Step {
			t.Errorf("%s: epoch %d, step %d, want %d and %d", version, a.Epoch, a.Step, b.Epoch, b.Step)
		}
		// A second start reads the run's own checkpoint, and not the file.
		c.Run.ResumeFrom, c.Run.Epochs = "gone", 3
		if result, err = Train(t.Context(), c, goMachine(t), nil); err != nil || result.Steps != 6 {
			t.Errorf("%s: %+v, error %v, want to go on to 6 steps", version, result, err)
		}
	}
}

func sameTensor(a, b safetensors.Tensor) bool {
	return a.Name == b.Name && slices.Equal(a.Data, b.Data)
}

// What does not fit is refused with the flags to set, and what is not as it was said, with a warning.
func TestResumeFromRefuses(t *testing.T) {
	a := recordedAfter(t, "v1")
	junk := filepath.Join(t.TempDir(), "junk.pth.tar")
	must.M(os.WriteFile(junk, []byte("no weights at all"), 0o644))
	for name, test := range map[string]struct {
		change func(*run.Config)
		want   []string
	}{
		"nothing there":     {func(c *run.Config) { c.Run.ResumeFrom = "nowhere" }, []string{"no such file"}},
		"junk":              {func(c *run.Config) { c.Run.ResumeFrom = junk }, []string{"junk.pth.tar"}},
		"a folder":          {func(c *run.Config) { c.Run.ResumeFrom = t.TempDir() }, []string{"a folder"}},
		"another encoder":   {func(c *run.Config) { c.Encoder.Arch, c.Encoder.Width = "resnet18", 8 }, []string{"--arch=resnet10, got resnet18", "--width=4, got 8"}},
		"another head":      {func(c *run.Config) { c.Encoder.Head = "mlp" }, []string{"--head=linear, got mlp"}},
		"another queue":     {func(c *run.Config) { c.MoCo.Queue = 80 }, []string{"--queue=40, got 80"}},
		"another optimizer": {func(c *run.Config) { c.Optim.Momentum, c.Optim.WeightDecay = 0.8, 0 }, []string{"--sgd-momentum=0.9, got 0.8", "--weight-decay=0.0001, got 0"}},
		"fewer epochs":      {func(c *run.Config) { c.Run.Epochs = 1; c.Optim.Milestones = []int{1} }, []string{"has done 2 epochs", "--epochs=2"}},
		"weights, too":      {func(c *run.Config) { c.Run.Init = "x" }, []string{"init", "resume_from"}},
	} {
		c := a.goingOn(t, "v1")
		test.change(&c)
		wantRefused(t, name, c, test.want...)
	}
	c := a.goingOn(t, "v1")
	c.Optim.LR, c.Data.TrainImages = 0.5, 48
	s := builtSession(t, c)
	notes := strings.Join(s.report.(*recorder).notes, "\n")
	for _, want := range []string{"its last learning rate was 0.004, and this schedule's would have been 0.5", "it has done 4 steps in its 2 epochs, and here they have 6"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes %q, want %q", notes, want)
		}
	}
}
