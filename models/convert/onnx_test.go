package convert

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// The program of ResNet-18 with the recorded weights is, bit for bit, the one that onnx 1.23.2's checker accepted and
// onnxruntime 1.32.0 ran within 2e-6 of torchvision's features (make interop runs both).
func TestOnnxProgramIsTheValidatedOne(t *testing.T) {
	for head, want := range map[string]string{
		resnet.HeadLinear: "05da2477d089a715e731af6789a08b7a683cda0e1d399782d863e7f3d797c74a",
		resnet.HeadMLP:    "6922282558d58e8f1583d49b661e95142306f1efcc7cee38eb04a631419f9d26",
	} {
		c := resnet.Config{Arch: "resnet18", Width: 64, Stem: resnet.StemImageNet, Head: head, Dim: 128}
		m, err := Export(filepath.Join(t.TempDir(), "encoder.onnx"), "onnx", Source{Encoder: formula("export", c, 64)}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if m.Opset != 17 || m.Files[0].SHA256 != want {
			t.Errorf("head %s: opset %d, sha256 %s, want 17 and %s", head, m.Opset, m.Files[0].SHA256, want)
		}
	}
}

// Each convolution has the stride and padding of the network, in every architecture.
func TestOnnxStrides(t *testing.T) {
	for arch, want := range map[string]struct{ convs, strided int }{
		"resnet10": {12, 7}, "resnet18": {20, 7}, "resnet34": {36, 7}, "resnet50": {53, 7},
	} {
		c := tiny(resnet.HeadNone)
		c.Arch = arch
		g, err := onnxEncoder(formula("query", c, 32))
		if err != nil {
			t.Fatal(err)
		}
		convs, strided := 0, 0
		for _, n := range g.nodes {
			if n.op != "Conv" {
				continue
			}
			convs++
			if slices.Equal(n.attributes[1].ints, []int{2, 2}) {
				strided++
			}
			kernel := n.attributes[0].ints[0]
			if pad := n.attributes[2].ints; !slices.Equal(pad, slices.Repeat([]int{(kernel - 1) / 2}, 4)) {
				t.Errorf("%s: %v: padding %v of kernel %d", arch, n.outputs, pad, kernel)
			}
			i := slices.IndexFunc(g.weights, func(w safetensors.Tensor) bool { return w.Name == n.inputs[1] })
			if g.weights[i].Shape[2] != kernel {
				t.Errorf("%s: kernel %d for %s%v", arch, kernel, n.inputs[1], g.weights[i].Shape)
			}
		}
		if convs != want.convs || strided != want.strided {
			t.Errorf("%s: %d convolutions, %d of stride 2, want %+v", arch, convs, strided, want)
		}
	}
}

// Reading back notices every truncation and every changed byte of the graph.
func TestOnnxCompare(t *testing.T) {
	c := tiny(resnet.HeadLinear)
	c.Arch, c.Width = "resnet10", 1
	g, err := onnxEncoder(formula("query", c, 32))
	if err != nil {
		t.Fatal(err)
	}
	g.inputs, g.outputs = []Value{{Name: programImages, Shape: []int{-1, 3, -1, -1}}}, []Value{{Name: programProjections, Shape: []int{-1, 8}}}
	var written bytes.Buffer
	if err := g.write(&written); err != nil {
		t.Fatal(err)
	}
	whole := written.Bytes()
	if err := g.compare(whole); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(whole); n += 7 {
		if g.compare(whole[:n]) == nil {
			t.Fatalf("cut to %d of %d bytes it passed", n, len(whole))
		}
	}
	// Between the head and the inputs and outputs; the graph's name is not compared.
	name := bytes.Index(whole, []byte("encoder"))
	for i := 40; i < len(whole)-200; i += 3 {
		if i >= name-2 && i < name+len("encoder") {
			continue
		}
		spoilt := bytes.Clone(whole)
		spoilt[i] ^= 0x20
		if g.compare(spoilt) == nil {
			t.Fatalf("byte %d of %d changed and it passed", i, len(whole))
		}
	}
	g.nodes[3], g.nodes[4] = g.nodes[4], g.nodes[3]
	written.Reset()
	if err := g.write(&written); err != nil {
		t.Fatal(err)
	}
	if g.compare(written.Bytes()) == nil {
		t.Error("operators out of order passed")
	}
}
