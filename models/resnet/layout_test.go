package resnet

import (
	"testing"

	"github.com/mocotpu/mocotpu/models/internal/parity"
)

func TestTorchLayout(t *testing.T) {
	dims := []int{2, 3, 4, 5} // height, width, in, out
	values := make([]float32, 120)
	for i := range values {
		values[i] = float32(i)
	}
	torch, torchDims := ToTorch(values, dims)
	if got, want := torchDims, []int{5, 4, 2, 3}; len(got) != 4 || [4]int(got) != [4]int(want) {
		t.Fatalf("dimensions %v, want %v", got, want)
	}
	// Element [out 3, in 2, height 1, width 0] of torch is [1, 0, 2, 3] of ours.
	if got, want := torch[((3*4+2)*2+1)*3+0], values[((1*3+0)*4+2)*5+3]; got != want {
		t.Errorf("element %v, want %v", got, want)
	}
	if d := parity.Compare(FromTorch(torch, dims), values); d.MaxAbs != 0 {
		t.Errorf("there and back: %v", d)
	}
}
