package convert

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/format/onnx"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// An encoder of one channel goes out with a first kernel of one, says so where the format has a word for it, and comes back:
// with its window from its own file, without from one that says nothing of mocotpu.
func TestOneChannel(t *testing.T) {
	c := wide(resnet.HeadNone, resnet.StemSmall)
	c.Channels = 1
	w := formula("query", c, 32)
	w.Manifest.Input.Mean, w.Manifest.Input.Std = [3]float64{0.4, 0.4, 0.4}, [3]float64{0.2, 0.2, 0.2}
	w.Manifest.Input.Window = picture.Window{Low: 120, High: 3800}
	dir := t.TempDir()
	export := func(format string) (string, Manifest) {
		path := filepath.Join(dir, "encoder."+format)
		return path, must.M1(Export(path, format, Source{Encoder: w}, Options{}))
	}

	path, m := export("safetensors")
	back := must.M1(Import(path, ImportOptions{}))
	if !maps.EqualFunc(back.Values, w.Values, slices.Equal) || back.Manifest.Network.Channels != 1 || len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "conv1 reads 1 channel") {
		t.Errorf("safetensors: network %+v, notes %q", back.Manifest.Network, m.Notes)
	}
	own, _, err := Load(path)
	if err != nil || own.Manifest.Network != w.Manifest.Network || own.Manifest.Input != w.Manifest.Input {
		t.Errorf("safetensors: %+v, error %v, want %+v", own.Manifest, err, w.Manifest)
	}

	path, m = export("onnx")
	program := must.M1(onnx.Read(must.M1(os.ReadFile(path))))
	dims := program.Graph.Input[0].Type.GetTensorType().Shape.Dim
	if got := dims[1].GetDimValue(); got != 1 || m.Inputs[0].Shape[1] != 1 || !strings.HasPrefix(m.Inputs[0].Meaning, "gray images") {
		t.Errorf("onnx: %d channels, input %+v", got, m.Inputs[0])
	}

	path, _ = export("timm")
	var config struct {
		Arguments  map[string]any `json:"model_args"`
		Pretrained map[string]any `json:"pretrained_cfg"`
	}
	must.M(json.Unmarshal(must.M1(os.ReadFile(filepath.Join(path, "config.json"))), &config))
	got := string(must.M1(json.Marshal([]any{config.Arguments["in_chans"], config.Pretrained["input_size"], config.Pretrained["mean"], config.Pretrained["std"]})))
	if got != "[1,[1,32,32],[0.4],[0.2]]" {
		t.Errorf("timm: channels, size, mean and deviation are %s", got)
	}
	card := string(must.M1(os.ReadFile(filepath.Join(path, "README.md"))))
	for _, want := range []string{"in_chans=1", "Conv2d(1, 64, 3", "float32 [N, 1, 32, 32]", "in gray", "mean 0.4 and deviation 0.2", "120 to 3800 become 0 to 255"} {
		if !strings.Contains(card, want) {
			t.Errorf("the card does not say %q", want)
		}
	}
	plain(path)
	back = must.M1(Import(path, ImportOptions{}))
	if in := back.Manifest.Input; back.Manifest.Network.Channels != 1 || in.Mean != w.Manifest.Input.Mean || in.Std != w.Manifest.Input.Std {
		t.Errorf("timm: back as %+v", back.Manifest)
	}
}
