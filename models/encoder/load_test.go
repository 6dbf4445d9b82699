package encoder

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// write writes an encoder's file and returns its path.
func write(t *testing.T, w *Weights, dtype string) string {
	t.Helper()
	var content bytes.Buffer
	if err := w.WriteSafetensors(&content, dtype); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "encoder.safetensors")
	if err := os.WriteFile(path, content.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// A file gives back every bit and the manifest; as bfloat16, every value rounded.
func TestFile(t *testing.T) {
	for _, head := range []string{resnet.HeadLinear, resnet.HeadMLP, resnet.HeadNone} {
		w := small(head)
		w.Path = write(t, w, "F32")
		got, err := Load(w.Path)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, w) {
			t.Errorf("head %s: read %+v, want %+v, and the same values", head, got.Manifest, w.Manifest)
		}
		if got, err = Load(write(t, w, "BF16")); err != nil {
			t.Fatal(err)
		}
		for name, values := range w.Values {
			for i, v := range values {
				if r := got.Values[name][i]; math.Abs(float64(r-v)) > math.Abs(float64(v))/256 || math.Float32bits(r)&0xffff != 0 {
					t.Fatalf("%s[%d]: %v as bfloat16 is %v", name, i, v, r)
				}
			}
		}
	}
}

// The tensors are torchvision's: its names and order, its layout, and the count of batches.
func TestStateDict(t *testing.T) {
	w := small(resnet.HeadLinear)
	tensors, err := w.StateDict("F32")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	byName := map[string]safetensors.Tensor{}
	for _, tensor := range tensors {
		names = append(names, tensor.Name)
		byName[tensor.Name] = tensor
	}
	want := []string{
		"conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked",
		"layer1.0.conv1.weight",
	}
	if !slices.Equal(names[:len(want)], want) || names[len(names)-1] != "fc.bias" {
		t.Errorf("names %v..., want %v", names[:len(want)], want)
	}
	if got := byName["layer2.0.conv1.weight"].Shape; !slices.Equal(got, []int{16, 8, 3, 3}) {
		t.Errorf("convolution %v, want [out, in, height, width] = [16 8 3 3]", got)
	}
	if c := byName["bn1.num_batches_tracked"]; c.DType != "I64" || len(c.Shape) != 0 || !bytes.Equal(c.Data, []byte{0xd2, 4, 0, 0, 0, 0, 0, 0}) {
		t.Errorf("count %+v, want the scalar 1234", c)
	}
	if _, err := w.StateDict("F16"); err == nil || !strings.Contains(err.Error(), "want F32 or BF16") {
		t.Errorf("float16: error %v", err)
	}
}

func TestBFloat16(t *testing.T) {
	for bits, want := range map[uint32]uint16{
		0x3f800000: 0x3f80, // 1
		0x3f808000: 0x3f80, // a tie: to even, down
		0x3f818000: 0x3f82, // a tie: to even, up
		0x3f808001: 0x3f81,
		0x3f807fff: 0x3f80,
		0x80000000: 0x8000, // -0
		0x7f7fffff: 0x7f80, // the largest number rounds to infinity
		0xff800000: 0xff80,
		0x7f800001: 0x7fc0, // NaN stays NaN
		0xffffffff: 0xffff,
	} {
		if got := bfloat16(math.Float32frombits(bits)); got != want {
			t.Errorf("%#08x: %#04x, want %#04x", bits, got, want)
		}
	}
}

func TestLoadFileRefuses(t *testing.T) {
	good := small(resnet.HeadLinear)
	tensors, err := good.StateDict("F32")
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := good.Manifest.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(tensors []safetensors.Tensor, manifest string) ([]safetensors.Tensor, string)
		want   string
	}{
		{"no manifest", func(ts []safetensors.Tensor, _ string) ([]safetensors.Tensor, string) { return ts, "" }, "mocotpu import"},
		{"no JSON", func(ts []safetensors.Tensor, _ string) ([]safetensors.Tensor, string) { return ts, "{" }, "manifest"},
		{"another format", func(ts []safetensors.Tensor, m string) ([]safetensors.Tensor, string) {
			return ts, strings.Replace(m, ManifestFormat, "mocotpu-encoder-9", 1)
		}, `want "mocotpu-encoder-1"`},
		{"unknown field", func(ts []safetensors.Tensor, m string) ([]safetensors.Tensor, string) {
			return ts, strings.Replace(m, `"arch"`, `"colour": 1, "arch"`, 1)
		}, "colour"},
		{"another network", func(ts []safetensors.Tensor, m string) ([]safetensors.Tensor, string) {
			return ts, strings.Replace(m, `"linear"`, `"mlp"`, 1)
		}, `"fc.0.weight" is missing`},
		{"a tensor more", func(ts []safetensors.Tensor, m string) ([]safetensors.Tensor, string) {
			return append(ts, safetensors.Tensor{Name: "fc.2.bias", DType: "F32", Shape: []int{1}, Data: make([]byte, 4)}), m
		}, `"fc.2.bias" is not in`},
		{"a tensor less", func(ts []safetensors.Tensor, m string) ([]safetensors.Tensor, string) { return ts[1:], m }, `"conv1.weight" is missing`},
		{"shape", func(ts []safetensors.Tensor, m string) ([]safetensors.Tensor, string) {
			ts[0].Shape = []int{3, 3, 3, 8}
			return ts, m
		}, `"conv1.weight" is [3 3 3 8], want [8 3 3 3]`},
		{"type", func(ts []safetensors.Tensor, m string) ([]safetensors.Tensor, string) {
			ts[0].DType = "I32"
			return ts, m
		}, "is I32, want F32 or BF16"},
	} {
		ts, m := test.change(slices.Clone(tensors), string(manifest))
		var metadata map[string]string
		if m != "" {
			metadata = map[string]string{manifestKey: m}
		}
		var content bytes.Buffer
		if err := safetensors.Write(&content, ts, metadata); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, content.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
	path := write(t, good, "F32")
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); !errors.Is(err, ErrNotEncoder) {
		t.Errorf("a truncated file: error %v, want ErrNotEncoder", err)
	}
}
