package convert

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/gomlx/compute/gobackend"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
)

var (
	imageNetMean = [3]float64{0.485, 0.456, 0.406}
	imageNetStd  = [3]float64{0.229, 0.224, 0.225}
)

// formula is an encoder with the weights that testdata/gen_features.py gives it.
func formula(scope string, c resnet.Config, size int) *encoder.Weights {
	c.Precision, c.Remat = resnet.Float32, resnet.RematNone
	w := &encoder.Weights{
		Manifest: encoder.Manifest{
			Network: encoder.NewNetwork(c),
			Input:   encoder.NewInput(size, imageNetMean, imageNetStd),
			Source:  encoder.Source{Step: 300, Epoch: 3},
		},
		Values: map[string][]float32{},
	}
	for _, p := range c.Params() {
		w.Values[p.Name] = resnet.FromTorch(parity.Weights(scope, p.Name, resnet.TorchDims(p.Dims)), p.Dims)
	}
	return w
}

// tiny is quick to write and to read.
func tiny(head string) resnet.Config {
	c := resnet.Config{Arch: "resnet18", Width: 4, Stem: resnet.StemImageNet, Head: head, Dim: 8, Precision: resnet.Float32, Remat: resnet.RematNone}
	if head == resnet.HeadNone {
		c.Dim = 0
	}
	return c
}

// tinyRun is a checkpoint of a run of such encoders.
func tinyRun(c resnet.Config) *encoder.Run {
	r := &encoder.Run{
		Config: run.MoCoV1(), Query: formula("query", c, 32), Key: formula("key", c, 32),
		Momentum: map[string][]float32{}, Queue: parity.UnitRows("queue", 6, c.Dim), QueuePtr: 4,
	}
	for _, p := range c.Params() {
		if !p.Buffer {
			r.Momentum[p.Name] = formula("momentum", c, 32).Values[p.Name]
		}
	}
	return r
}

// recorded is testdata/features.json.
type recorded struct {
	Models []struct {
		Arch        string    `json:"arch"`
		Features    []float64 `json:"features"`
		Projections []float64 `json:"projections"`
	} `json:"models"`
	// Moco is, by head, of the module MoCo with a ResNet-50 and a queue of ten keys.
	Moco map[string]struct {
		Tensors int    `json:"tensors"`
		SHA256  string `json:"sha256"` // of a line with name and shape for each tensor, in the module's order
	} `json:"moco"`
}

// Exported and opened again, ResNet-18 and ResNet-50 give the features that torchvision gives with the same weights.
func TestTorchvisionFeatures(t *testing.T) {
	var want recorded
	if err := parity.Load(os.DirFS("testdata"), "features.json", &want); err != nil {
		t.Fatal(err)
	}
	b := engines.Go(t)
	const n, size = 2, 64
	for _, m := range want.Models {
		path := filepath.Join(t.TempDir(), "encoder.safetensors")
		c := resnet.Config{Arch: m.Arch, Width: 64, Stem: resnet.StemImageNet, Head: resnet.HeadLinear, Dim: 128}
		if _, err := Export(path, "safetensors", Source{Encoder: formula("export", c, size)}, Options{}); err != nil {
			t.Fatal(err)
		}
		e, err := encoder.Open(b, path, encoder.Options{Batch: n})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		got, err := e.Embed(parity.Pixels("export", n, size), n)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []struct {
			name string
			got  []float32
			want []float64
		}{{"features", got.Trunk.Data, m.Features}, {"projections", got.Head.Data, m.Projections}} {
			d := parity.Compare(part.got, part.want)
			if !(d.RelL2 < 1e-5 && d.MaxAbs < 1e-4) {
				t.Errorf("%s: %s: %v", m.Arch, part.name, d)
			}
			t.Logf("%s: %s: %v", m.Arch, part.name, d)
		}
	}
}

// ResNet-50's tensors have the names, the shapes and the order that torch gives those of facebookresearch/moco's module:
// 642 of them for v1, 646 for v2.
func TestMocoNames(t *testing.T) {
	var want recorded
	if err := parity.Load(os.DirFS("testdata"), "features.json", &want); err != nil {
		t.Fatal(err)
	}
	for head, tensors := range map[string]int{resnet.HeadLinear: 642, resnet.HeadMLP: 646} {
		c := resnet.Config{
			Arch: "resnet50", Width: 64, Stem: resnet.StemImageNet, Head: head, Dim: 128,
			Precision: resnet.Float32, Remat: resnet.RematNone,
		}
		w := &encoder.Weights{Manifest: encoder.Manifest{Network: encoder.NewNetwork(c)}, Values: map[string][]float32{}}
		for _, p := range c.Params() {
			w.Values[p.Name] = make([]float32, p.Size())
		}
		got, err := mocoStateDict(&encoder.Run{Query: w, Key: w, Queue: make([]float32, 128*10)})
		if err != nil || len(got) != tensors || want.Moco[head].Tensors != tensors {
			t.Errorf("head %s: %d tensors, error %v, %d recorded, want %d", head, len(got), err, want.Moco[head].Tensors, tensors)
		}
		sum := sha256.New()
		for _, tensor := range got {
			dims := strings.ReplaceAll(strings.Trim(fmt.Sprint(tensor.Shape), "[]"), " ", "x")
			fmt.Fprintf(sum, "%s %s\n", tensor.Name, dims)
		}
		if hex := fmt.Sprintf("%x", sum.Sum(nil)); hex != want.Moco[head].SHA256 {
			t.Errorf("head %s: names and shapes have the checksum %s, want %s", head, hex, want.Moco[head].SHA256)
		}
	}
}

// A moco checkpoint has the module's names in the module's order, the queue by columns, and gives back the query encoder.
func TestMoco(t *testing.T) {
	run := tinyRun(tiny(resnet.HeadMLP))
	path := filepath.Join(t.TempDir(), "checkpoint_0002.pth.tar")
	m, err := Export(path, "moco", Source{Encoder: run.Query, Run: run}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := readStateDict(path)
	if err != nil {
		t.Fatal(err)
	}
	if m.Tensors != len(got) || len(got) != 2*124+2 {
		t.Errorf("%d tensors in the file, %d in the manifest, want 250", len(got), m.Tensors)
	}
	for i, want := range []string{"module.queue", "module.queue_ptr", "module.encoder_q.conv1.weight", "module.encoder_q.bn1.weight"} {
		if got[i].Name != want {
			t.Errorf("tensor %d is %s, want %s", i, got[i].Name, want)
		}
	}
	if last := got[len(got)-1].Name; last != "module.encoder_k.fc.2.bias" {
		t.Errorf("the last tensor is %s", last)
	}
	if q := got[0]; !slices.Equal(q.Shape, []int{8, 6}) || bits(q.Data, 2*6+5) != run.Queue[5*8+2] {
		t.Errorf("queue %v, element [2,5] %v, want [8 6] and key 5's value 2, %v", q.Shape, bits(q.Data, 17), run.Queue[42])
	}
	if p := got[1]; p.DType != "I64" || p.Data[0] != 4 {
		t.Errorf("pointer %+v, want 4", p)
	}
	w, err := Import(path, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sameValues(t, "query encoder", w, run.Query)
	for _, o := range []struct {
		source Source
		o      Options
	}{{Source{Encoder: run.Query}, Options{}}, {Source{Encoder: run.Query, Run: run}, Options{Trunk: true}}, {Source{Encoder: run.Query, Run: run}, Options{DType: "BF16"}}} {
		if _, err := Export(path, "moco", o.source, o.o); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%+v: error %v, want ErrUnsupported", o.o, err)
		}
	}
}

func sameValues(t *testing.T, what string, got, want *encoder.Weights) {
	t.Helper()
	if g, w := got.Manifest.Network, want.Manifest.Network; g != w {
		t.Errorf("%s: network %+v, want %+v", what, g, w)
	}
	for name, values := range want.Values {
		if !slices.Equal(got.Values[name], values) {
			t.Errorf("%s: %s differs", what, name)
		}
	}
}

// The names are those of facebookresearch/moco's converter.
func TestDetectron2(t *testing.T) {
	for name, want := range map[string]string{
		"conv1.weight":                 "stem.conv1.weight",
		"bn1.running_mean":             "stem.conv1.norm.running_mean",
		"layer1.0.downsample.0.weight": "res2.0.shortcut.weight",
		"layer1.0.downsample.1.bias":   "res2.0.shortcut.norm.bias",
		"layer4.2.conv3.weight":        "res5.2.conv3.weight",
		"layer4.2.bn3.running_var":     "res5.2.conv3.norm.running_var",
		"layer3.1.bn2.weight":          "res4.1.conv2.norm.weight",
	} {
		if got := detectron2Name(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	path := filepath.Join(t.TempDir(), "encoder.pkl")
	m, err := Export(path, "detectron2", Source{Encoder: formula("query", tiny(resnet.HeadMLP), 32)}, Options{})
	if err != nil || m.Tensors != 120 || m.Encoder.Network.Head != resnet.HeadNone {
		t.Errorf("%d tensors, head %s, error %v, want the trunk's 120", m.Tensors, m.Encoder.Network.Head, err)
	}
	small := tiny(resnet.HeadNone)
	small.Stem = resnet.StemSmall
	if _, err := Export(path, "detectron2", Source{Encoder: formula("query", small, 32)}, Options{}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("the small stem: error %v, want ErrUnsupported", err)
	}
}

// An export that does not read back as meant leaves what was there.
func TestExportVerifies(t *testing.T) {
	defer delete(writers, "spoilt")
	dir := t.TempDir()
	path := filepath.Join(dir, "encoder.safetensors")
	source := Source{Encoder: formula("query", tiny(resnet.HeadNone), 32)}
	if err := os.WriteFile(path, []byte("before"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, spoil := range []func(p []byte) []byte{
		func(p []byte) []byte { p[len(p)-1] ^= 1; return p },
		func(p []byte) []byte { return p[:len(p)-8] },
		func(p []byte) []byte { return nil },
	} {
		writers["spoilt"] = func(s Source, o Options, m *Manifest) ([]artifact, error) {
			all, err := safetensorsFormat(s, o, m)
			whole := all[0].write
			all[0].write = func(w io.Writer) error {
				var text strings.Builder
				if err := whole(&text); err != nil {
					return err
				}
				_, err := w.Write(spoil([]byte(text.String())))
				return err
			}
			return all, err
		}
		if _, err := Export(path, "spoilt", source, Options{}); err == nil || !strings.Contains(err.Error(), "reading back") {
			t.Errorf("error %v, want the spoilt file noticed", err)
		}
		left, err := os.ReadDir(dir)
		if text, _ := os.ReadFile(path); err != nil || len(left) != 1 || string(text) != "before" {
			t.Errorf("files %v, %q, want the one that was there", left, text)
		}
	}
	if _, err := Export(path, "gif", source, Options{}); err == nil || !strings.Contains(err.Error(), "want one of detectron2") {
		t.Errorf("an unknown format: error %v", err)
	}
	m, err := Export(path, "safetensors", source, Options{DType: "BF16"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path + ".json")
	if err != nil || !strings.Contains(string(text), m.Files[0].SHA256) || !strings.Contains(string(text), `"mean"`) {
		t.Errorf("manifest %s, error %v, want checksum and preprocessing in it", text, err)
	}
}

// The rate of a checkpoint within an epoch is that of its last step.
func TestLastRate(t *testing.T) {
	c := run.CIFAR10()
	c.Optim.Schedule = "cosine-step"
	for _, at := range []encoder.Source{{Step: 150, Epoch: 1, StepInEpoch: 50}, {Step: 200, Epoch: 2}} {
		got := lastRate(&encoder.Run{Config: c, Query: &encoder.Weights{Manifest: encoder.Manifest{Source: at}}})
		if want := run.LR(c.Optim, 1, (at.Step-1)%100, 100, c.Run.Epochs); got != want {
			t.Errorf("%+v: rate %g, want %g", at, got, want)
		}
	}
}
