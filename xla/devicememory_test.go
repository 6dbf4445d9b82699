package xla_test

import (
	"errors"
	"testing"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestDeviceMemory asks engines whose memory is the process's, and for a device that there is not. What a GPU's allocator
// says, `mocotpu selftest` holds against the compiler's plan.
func TestDeviceMemory(t *testing.T) {
	xlatest.Each(t, func(t *testing.T, e *xla.Engine) {
		var failed *xla.Error
		if m, err := e.DeviceMemory(0); !errors.As(err, &failed) || failed.Code != xla.Unimplemented {
			t.Errorf("%+v, error %v, want Unimplemented", m, err)
		}
		for _, device := range []int{-1, e.NumDevices()} {
			if _, err := e.DeviceMemory(device); err == nil || errors.As(err, &failed) {
				t.Errorf("device %d: error %v, want that there is none", device, err)
			}
		}
	})
}
