//go:build cgo

package convert

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// The text is an XLA program whose arguments are the images and then the weights of the file, in the manifest's order and
// with their shapes; the Go engine has no such text.
func TestStableHLO(t *testing.T) {
	engine := xlatest.CPU(t, 1)
	text := func() string {
		all := engine.Programs()
		return all[len(all)-1].StableHLO()
	}
	source := Source{Encoder: formula("query", tiny(resnet.HeadMLP), 32)}
	path := filepath.Join(t.TempDir(), "encoder.mlir")
	m, err := Export(path, "stablehlo", source, Options{Batch: 3, Backend: engine, ProgramText: text})
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, arguments, _ := strings.Cut(string(program), "@main(")
	arguments, results, _ := strings.Cut(arguments, "->")
	if want := "%arg0: tensor<3x32x32x3xui8>"; !strings.HasPrefix(arguments, want) {
		t.Errorf("arguments %.60s..., want %s first", arguments, want)
	}
	if !strings.Contains(results[:60], "tensor<3x32xf32>, tensor<3x8xf32>") {
		t.Errorf("results %.60s, want features [3,32] and projections [3,8]", results)
	}
	weights, _, err := safetensors.ReadFile(path + ".safetensors")
	if err != nil || len(weights) != len(m.Weights) || len(weights) != len(source.Encoder.Values) {
		t.Fatalf("%d weights, %d in the manifest, error %v, want %d", len(weights), len(m.Weights), err, len(source.Encoder.Values))
	}
	list := strings.Split(arguments, ", %")
	for i, w := range weights {
		dims := ""
		for _, n := range w.Shape {
			dims += strconv.Itoa(n) + "x"
		}
		name := strings.ReplaceAll(w.Name, ".", "_")
		if got := list[i+1]; w.Name != m.Weights[i] || !strings.Contains(got, name+": tensor<"+dims+"f32>") {
			t.Errorf("argument %d is %s, want %s of %v", i+1, got, w.Name, w.Shape)
		}
	}
	again := filepath.Join(t.TempDir(), "again.mlir")
	if m2, err := Export(again, "stablehlo", source, Options{Batch: 3, Backend: engine, ProgramText: text}); err != nil || m2.Files[1].SHA256 != m.Files[1].SHA256 {
		t.Errorf("a second export has other weights (error %v)", err)
	}
	none := Options{Backend: xlatest.Go(t), ProgramText: func() string { return "" }}
	if _, err := Export(again, "stablehlo", source, none); !errors.Is(err, ErrUnsupported) {
		t.Errorf("on the go engine: error %v, want ErrUnsupported", err)
	}
	if _, err := Export(again, "stablehlo", source, Options{}); err == nil || !strings.Contains(err.Error(), "no XLA engine") {
		t.Errorf("without an engine: error %v", err)
	}
}
