//go:build cgo

package train

import (
	"testing"

	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// XLA goes on as PyTorch does, on one device and on four.
func TestGoingOnFromPyTorchXLAV1(t *testing.T) {
	testGoingOn(t, Machine{Backend: xlatest.CPU(t, 1), Devices: 1}, "v1")
}

func TestGoingOnFromPyTorchXLAV2(t *testing.T) {
	testGoingOn(t, Machine{Backend: xlatest.CPU(t, 4), Devices: 4}, "v2")
}
