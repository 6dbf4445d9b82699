package encoder

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/resnet"
)

// TestSuspect has each kind of bad value named with its tensor and its place in torchvision's layout, by Suspect and in
// the notes of Load; a negative mean or weight is as good as any.
func TestSuspect(t *testing.T) {
	w := small(resnet.HeadLinear)
	w.Values["bn1.running_mean"][0] = -1
	if s := w.Suspect(); len(s) > 0 {
		t.Fatalf("a sound encoder: %q", s)
	}
	p := w.Manifest.Network.Config().Params()[0] // conv1.weight, [3,3,3,out] here and [out,3,3,3] in torchvision
	out := p.Dims[3]
	w.Values[p.Name][(2*3+1)*3*out+2*out+1] = float32(math.NaN()) // row 2, column 1, channel 2 in, 1 out
	w.Values["bn1.running_var"][1] = -0.5
	w.Values["fc.bias"][0] = float32(math.Inf(-1))
	loaded, err := Load(write(t, w, "F32"))
	if err != nil {
		t.Fatal(err)
	}
	wants := []string{`"conv1.weight" is NaN at [1 2 2 1], and 1 of`, `"bn1.running_var" is -0.5 at [1]`, `"fc.bias" is -Inf at [0]`}
	for what, got := range map[string][]string{"Suspect": w.Suspect(), "Notes": loaded.Notes} {
		if len(got) != len(wants) {
			t.Fatalf("%s: %q, want %q", what, got, wants)
		}
		for i, want := range wants {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: %q, want %q in it", what, got[i], want)
			}
		}
	}
	if !slices.ContainsFunc(loaded.Notes, func(n string) bool { return strings.HasPrefix(n, "warning: ") }) {
		t.Errorf("notes %q, want warnings", loaded.Notes)
	}
}
