//go:build cgo

package resnet

import (
	"testing"

	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// XLA's convolutions and pooling are other graph code than the Go engine's.
func TestTorchForwardXLA(t *testing.T) { testTorchForward(t, xlatest.CPU(t, 1)) }
