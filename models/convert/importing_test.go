package convert

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/pickle"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/format/torchfile"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// bits is float32 number i of data.
func bits(data []byte, i int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
}

// rename returns copies of the tensors with other names.
func rename(tensors []safetensors.Tensor, name func(string) string) []safetensors.Tensor {
	renamed := make([]safetensors.Tensor, len(tensors))
	for i, t := range tensors {
		renamed[i] = t
		renamed[i].Name = name(t.Name)
	}
	return renamed
}

// saveTorch writes the tensors as torch.save would, under a key of a dict or, with none, as the dict.
func saveTorch(t *testing.T, key string, tensors []safetensors.Tensor) string {
	t.Helper()
	state := pickle.Dict{}
	for _, tensor := range tensors {
		state = append(state, pickle.Entry{Key: tensor.Name, Value: tensor})
	}
	root := state
	if key != "" {
		root = pickle.Dict{{Key: "epoch", Value: 200}, {Key: key, Value: state}}
	}
	var content bytes.Buffer
	if err := torchfile.Write(&content, root); err != nil {
		t.Fatal(err)
	}
	return save(t, content.Bytes())
}

func save(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weights")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Encoders are found behind every prefix that is known, and architecture, stem and head follow from the tensors.
func TestImport(t *testing.T) {
	for _, arch := range resnet.Archs {
		for _, head := range []string{resnet.HeadLinear, resnet.HeadMLP, resnet.HeadNone} {
			c := tiny(head)
			c.Arch = arch
			if arch == "resnet34" {
				c.Stem = resnet.StemSmall
			}
			want := formula("import", c, 32)
			tensors, err := want.StateDict("F32")
			if err != nil {
				t.Fatal(err)
			}
			var content bytes.Buffer
			if err := safetensors.Write(&content, tensors, nil); err != nil {
				t.Fatal(err)
			}
			w, err := Import(save(t, content.Bytes()), ImportOptions{})
			if err != nil {
				t.Fatal(err)
			}
			sameValues(t, arch+" "+head, w, want)
			size, mean := 224, imageNetMean
			if c.Stem == resnet.StemSmall {
				size, mean = 32, [3]float64{0.4914, 0.4822, 0.4465}
			}
			if in := w.Manifest.Input; in.ImageSize != size || in.Mean != mean {
				t.Errorf("%s: input %+v, want size %d and mean %v", arch, in, size, mean)
			}
		}
	}
	want := formula("import", tiny(resnet.HeadLinear), 32)
	tensors, err := want.StateDict("F32")
	if err != nil {
		t.Fatal(err)
	}
	notebook := func(name string) string {
		return "encoder_q." + strings.NewReplacer("layer1", "net.3", "layer2", "net.4", "layer3", "net.5", "layer4", "net.6",
			"fc", "net.9").Replace(map[bool]string{true: "net.0.weight", false: name}[name == "conv1.weight"])
	}
	for title, path := range map[string]string{
		"torchvision":  saveTorch(t, "", tensors),
		"moco":         saveTorch(t, "state_dict", append(rename(tensors, func(n string) string { return "module.encoder_k." + n }), rename(tensors, func(n string) string { return "module.encoder_q." + n })...)),
		"no parallel":  saveTorch(t, "state_dict", rename(tensors, func(n string) string { return "encoder_q." + n })),
		"moco-v3":      saveTorch(t, "state_dict", rename(tensors, func(n string) string { return "module.base_encoder." + n })),
		"model":        saveTorch(t, "model", tensors),
		"the notebook": saveTorch(t, "state_dict", rename(tensors, func(n string) string { return strings.Replace(notebook(n), "encoder_q.bn1", "encoder_q.net.1", 1) })),
	} {
		w, err := Import(path, ImportOptions{})
		if err != nil {
			t.Errorf("%s: %v", title, err)
			continue
		}
		sameValues(t, title, w, want)
	}
	w, err := Import(saveTorch(t, "", tensors), ImportOptions{Trunk: true, ImageSize: 96, Views: "glyphs"})
	if err != nil {
		t.Fatal(err)
	}
	sameValues(t, "trunk", w, want.Trunk())
	if in := w.Manifest.Input; in.ImageSize != 96 || in.Mean != [3]float64{0.5, 0.5, 0.5} {
		t.Errorf("input %+v, want what was asked for", in)
	}
}

func TestImportRefuses(t *testing.T) {
	tensors, err := formula("import", tiny(resnet.HeadLinear), 32).StateDict("F32")
	if err != nil {
		t.Fatal(err)
	}
	extra := append(tensors[:len(tensors):len(tensors)], safetensors.Tensor{Name: "fc.1.weight", DType: "F32", Shape: []int{1}, Data: make([]byte, 4)})
	nan := slices.Clone(tensors)
	nan[0].Data = slices.Clone(nan[0].Data)
	binary.LittleEndian.PutUint32(nan[0].Data[4:], math.Float32bits(float32(math.NaN())))
	for _, test := range []struct {
		name, path, want string
		is               error
	}{
		{"NaN", saveTorch(t, "", nan), `"conv1.weight" is NaN at [0 0 0 1]`, ErrSpoilt},
		{"nothing", saveTorch(t, "", nil), "no tensor conv1.weight", ErrUnknown},
		{"another network", saveTorch(t, "", rename(tensors, func(n string) string { return "features." + n })), "no tensor conv1.weight", ErrUnknown},
		{"a tensor more", saveTorch(t, "", extra), "closest is resnet18, but for 1 tensors, of which the first is fc.1.weight", ErrUnknown},
		{"a tensor less", saveTorch(t, "", tensors[:len(tensors)-1]), "fc.bias [], want [8]", ErrUnknown},
		{"text", save(t, []byte("hello, this is text")), "torch.save", torchfile.ErrFormat},
		{"code", "../format/torchfile/testdata/code.pth.tar", "builtin__.print", pickle.ErrRefused},
		{"a folder", t.TempDir(), "a folder", nil},
	} {
		_, err := Import(test.path, ImportOptions{})
		if err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
	if _, err := Import(saveTorch(t, "", tensors), ImportOptions{Views: "sepia"}); err == nil {
		t.Error("unknown views were taken")
	}
}

// What export wrote comes back with its input, precision and source, by the manifest in the file or beside it, as long as
// the file is the one of which the manifest has the checksum. Options say otherwise.
func TestImportOwn(t *testing.T) {
	own := tinyRun(tiny(resnet.HeadMLP))
	for _, w := range []*encoder.Weights{own.Query, own.Key} {
		m := &w.Manifest
		m.Format, m.Network.Precision, m.Source.Preset = encoder.ManifestFormat, resnet.BFloat16, "moco-v2"
		m.Input.ImageSize, m.Input.Mean, m.Input.Std, m.Input.Window = 48, [3]float64{0.1, 0.2, 0.3}, [3]float64{0.4, 0.5, 0.6}, picture.Window{Low: 120, High: 3800}
	}
	want := own.Query.Manifest
	dir := t.TempDir()
	for format, name := range map[string]string{"safetensors": "own.safetensors", "moco": "m.pth.tar"} {
		path := filepath.Join(dir, name)
		must.M1(Export(path, format, Source{Encoder: own.Query, Run: own}, Options{}))
		got, err := Import(path, ImportOptions{})
		if err != nil || !reflect.DeepEqual(got.Manifest, want) {
			t.Errorf("%s: %v, manifest\n%+v, want\n%+v", format, err, got.Manifest, want)
		}
		query, key, err := Load(path)
		if err != nil || query.Manifest.Input != want.Input || key != nil && key.Manifest.Input != want.Input {
			t.Errorf("%s: Load: %v, manifest %+v, want %+v for both encoders", format, err, query, want)
		}
		in := must.M1(Import(path, ImportOptions{Trunk: true, ImageSize: 96, Views: "v1"})).Manifest.Input
		if in.ImageSize != 96 || in.Mean != imageNetMean || in.Std != imageNetStd || in.Window != want.Input.Window {
			t.Errorf("%s: input %+v, want what was asked for, and the window", format, in)
		}
	}
	path := filepath.Join(dir, "m.pth.tar")
	text := must.M1(os.ReadFile(path + ".json"))
	usual := func(what string) {
		t.Helper()
		got, err := Import(path, ImportOptions{})
		if err != nil || got.Manifest.Input.ImageSize != 224 || got.Manifest.Input.Mean != imageNetMean || got.Manifest.Source.Imported != "m.pth.tar" {
			t.Errorf("%s: %v, manifest %+v, want the usual input of a file of other software", what, err, got)
		}
	}
	for what, spoilt := range map[string]string{
		"text": "epochs: 3", "another format": strings.Replace(string(text), encoder.ManifestFormat, "mocotpu-encoder-9", 1),
		"no input": strings.Replace(string(text), `"image_size": 48`, `"image_size": 0`, 1), "too long": strings.Repeat(" ", maxManifest) + string(text),
	} {
		must.M(os.WriteFile(path+".json", []byte(spoilt), 0o644))
		usual(what)
	}
	other := tinyRun(tiny(resnet.HeadMLP))
	other.Queue[0] = -other.Queue[0]
	must.M1(Export(path, "moco", Source{Encoder: other.Query, Run: other}, Options{}))
	must.M(os.WriteFile(path+".json", text, 0o644))
	usual("the manifest of another file of the same length")
}
