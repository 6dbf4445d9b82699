package train

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/convert"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// trainedTiny trains tiny for a few steps.
func trainedTiny(t *testing.T) string {
	t.Helper()
	c := tiny(t.TempDir())
	c.KNN.Every, c.Run.Steps = 0, 3
	must.M1(Train(t.Context(), c, goMachine(t), nil))
	return c.Run.Dir
}

// from is a fresh run's configuration that starts from a file.
func from(t *testing.T, path string) run.Config {
	c := tiny(t.TempDir())
	c.KNN.Every, c.Run.Init, c.Run.Seed = 0, path, 99
	return c
}

// stateOf are an encoder's variables in a session that is about to take its first step.
func stateOf(s *session, scope string) map[string][]float32 {
	values := map[string][]float32{}
	for _, p := range s.definition.Encoder.Params() {
		v := must.M1(s.step.Store().GetVariable(scope + "/" + p.Name).Value())
		values[p.Name] = tensors.MustCopyFlatData[float32](v)
	}
	return values
}

func sameValues(a, b map[string][]float32) bool {
	for name := range a {
		if !slices.Equal(a[name], b[name]) {
			return false
		}
	}
	return true
}

// A run starts from both encoders of another, from its exported query encoder, and from a checkpoint in the form of
// facebookresearch/moco, bit for bit; momentum, queue and schedule begin anew.
func TestInit(t *testing.T) {
	dir := trainedTiny(t)
	trained := must.M1(encoder.LoadRun(dir))
	if sameValues(trained.Query.Values, trained.Key.Values) {
		t.Fatal("the trained encoders are the same: the test shows nothing")
	}
	folder := t.TempDir()
	export := func(format string) string {
		path := filepath.Join(folder, format)
		must.M1(convert.Export(path, format, convert.Source{Encoder: trained.Query, Run: trained}, convert.Options{}))
		return path
	}
	// A file of torchvision's is one of ours without what ours says of itself.
	torchvision := filepath.Join(folder, "resnet.safetensors")
	all, _, err := safetensors.ReadFile(export("safetensors"))
	must.M(err)
	f := must.M1(os.Create(torchvision))
	must.M(safetensors.Write(f, all, nil))
	must.M(f.Close())
	for _, test := range []struct {
		path string
		key  map[string][]float32
	}{
		{dir, trained.Key.Values},
		{filepath.Join(folder, "safetensors"), trained.Query.Values},
		{torchvision, trained.Query.Values},
		{export("moco"), trained.Key.Values},
	} {
		s := builtSession(t, from(t, test.path))
		if !sameValues(trained.Query.Values, stateOf(s, moco.QueryScope)) {
			t.Errorf("%s: the query encoder is not the file's", test.path)
		}
		if !sameValues(test.key, stateOf(s, moco.KeyScope)) {
			t.Errorf("%s: the key encoder is not the one wanted", test.path)
		}
		if s.done != 0 {
			t.Errorf("%s: %d steps are done, want none", test.path, s.done)
		}
	}
}

// A head of another kind is new, and the user is told; the trunk is the file's. After a device has failed before the
// first checkpoint the run begins from the file again.
func TestInitWithAnotherHead(t *testing.T) {
	dir := trainedTiny(t)
	trained := must.M1(encoder.LoadRun(dir))
	c := from(t, dir)
	c.Encoder.Head = "mlp"
	s := builtSession(t, c)
	trunk := trained.Query.Trunk().Values
	if !sameValues(trunk, stateOf(s, moco.QueryScope)) {
		t.Error("the trunk is not the file's")
	}
	if notes := strings.Join(s.report.(*recorder).notes, "\n"); !strings.Contains(notes, "but for the head, which is new (fc.0.weight, fc.0.bias, fc.2.weight, fc.2.bias)") {
		t.Errorf("notes %q, want that the head is new", notes)
	}
	must.M(s.backToCheckpoint())
	if !sameValues(trunk, stateOf(s, moco.QueryScope)) {
		t.Error("after a failed device the trunk is not the file's")
	}
}

// What does not fit is refused with every name, before the run directory holds anything.
func TestInitRefuses(t *testing.T) {
	dir := trainedTiny(t)
	junk := filepath.Join(t.TempDir(), "junk.pth")
	must.M(os.WriteFile(junk, []byte("no weights at all"), 0o644))
	diverged := must.M1(encoder.LoadRun(dir)).Query
	diverged.Values["conv1.weight"][0] = float32(math.NaN())
	spoilt := filepath.Join(t.TempDir(), "spoilt.safetensors")
	var text bytes.Buffer
	must.M(diverged.WriteSafetensors(&text, "F32"))
	must.M(os.WriteFile(spoilt, text.Bytes(), 0o644))
	for name, test := range map[string]struct {
		path   string
		change func(*run.Config)
		want   []string
	}{
		"diverged":      {spoilt, func(*run.Config) {}, []string{"--init", "weights of no use", `"conv1.weight" is NaN at [0 0 0 0]`}},
		"nothing there": {filepath.Join(dir, "nowhere"), func(*run.Config) {}, []string{"no such file"}},
		"junk":          {junk, func(*run.Config) {}, []string{"junk.pth"}},
		"another arch":  {dir, func(c *run.Config) { c.Encoder.Arch = "resnet18" }, []string{"layer1.1.conv1.weight has 0 values", "--arch=resnet18", "layer4.1.bn2.weight"}},
		"another width": {dir, func(c *run.Config) { c.Encoder.Width = 8 }, []string{"conv1.weight has", "--width"}},
	} {
		c := from(t, test.path)
		test.change(&c)
		wantRefused(t, name, c, test.want...)
	}
}

// wantRefused: training with c is an error of usage that says all of that, before anything is written.
func wantRefused(t *testing.T, name string, c run.Config, says ...string) {
	t.Helper()
	_, err := Train(t.Context(), c, goMachine(t), nil)
	if !errors.Is(err, settings.ErrInvalid) {
		t.Errorf("%s: error %v, want one of usage", name, err)
		return
	}
	for _, want := range says {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", name, err, want)
		}
	}
	if _, err := run.ReadRecord(c.Run.Dir); err == nil {
		t.Errorf("%s: a configuration was written", name)
	}
}

// Weights from a file are judged before training as they were after theirs, with the statistics of BatchNorm that they have.
func TestInitIsJudgedAsItIs(t *testing.T) {
	c := tiny(t.TempDir())
	c.KNN.Every, c.Run.Steps = 1, 8
	must.M1(Train(t.Context(), c, goMachine(t), nil))
	_, trained, err := run.ReadMetrics(c.Run.Dir)
	must.M(err)
	d := from(t, c.Run.Dir)
	d.KNN.Every, d.Run.Steps = 1, 1
	must.M1(Train(t.Context(), d, goMachine(t), nil))
	_, again, err := run.ReadMetrics(d.Run.Dir)
	must.M(err)
	last, first := trained[len(trained)-1], again[0]
	if last.Step == 0 || first.Step != 0 || first.Sample || !slices.Equal(first.Backbone, last.Backbone) || !slices.Equal(first.Projection, last.Projection) {
		t.Errorf("before training %+v, want what the run that gave the weights ended with, %+v", first, last)
	}
}
