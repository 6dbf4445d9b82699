package convert

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mocotpu/mocotpu/models/format/onnx"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// The program of ResNet-18 with the recorded weights is, bit for bit, the one that onnx 1.23.2's checker accepted and
// onnxruntime 1.32.0 ran within 2e-6 of torchvision's features (make interop runs both).
func TestOnnxProgramIsTheValidatedOne(t *testing.T) {
	for head, want := range map[string]string{
		resnet.HeadLinear: "b147c116a70721a87ca405b3b47df06600755422041896013832d0b668a4387c",
		resnet.HeadMLP:    "c25a194306963f1c1036b1fc3f0889de1a3f97afbfa2335c6fc735cff5048cfd",
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
		for _, n := range g.Node {
			if n.GetOpType() != "Conv" {
				continue
			}
			convs++
			if slices.Equal(n.Attribute[1].Ints, []int64{2, 2}) {
				strided++
			}
			kernel := n.Attribute[0].Ints[0]
			if pad := n.Attribute[2].Ints; !slices.Equal(pad, slices.Repeat([]int64{(kernel - 1) / 2}, 4)) {
				t.Errorf("%s: %v: padding %v of kernel %d", arch, n.Output, pad, kernel)
			}
			i := slices.IndexFunc(g.Initializer, func(w *onnx.TensorProto) bool { return w.GetName() == n.Input[1] })
			if g.Initializer[i].Dims[2] != kernel {
				t.Errorf("%s: kernel %d for %s%v", arch, kernel, n.Input[1], g.Initializer[i].Dims)
			}
		}
		if convs != want.convs || strided != want.strided {
			t.Errorf("%s: %d convolutions, %d of stride 2, want %+v", arch, convs, strided, want)
		}
	}
}

// Reading back notices every truncation and every changed byte.
func TestOnnxReadsBack(t *testing.T) {
	c := tiny(resnet.HeadLinear)
	c.Arch, c.Width = "resnet10", 1
	artifacts, err := onnxFormat(Source{Encoder: formula("query", c, 32)}, Options{}, &Manifest{})
	if err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	if err := artifacts[0].write(&written); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "encoder.onnx")
	passes := func(content []byte) bool {
		t.Helper()
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		return artifacts[0].verify(path) == nil
	}
	whole := written.Bytes()
	if !passes(whole) {
		t.Fatal("what was written does not pass")
	}
	for n := 0; n < len(whole); n += 7 {
		if passes(whole[:n]) {
			t.Fatalf("cut to %d of %d bytes it passed", n, len(whole))
		}
	}
	for i := 0; i < len(whole); i += 3 {
		spoilt := bytes.Clone(whole)
		spoilt[i] ^= 0x20
		if passes(spoilt) {
			t.Fatalf("byte %d of %d changed and it passed", i, len(whole))
		}
	}
}
