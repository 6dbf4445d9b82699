//go:build cgo

package moco

import (
	"testing"

	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// XLA follows PyTorch as the Go engine does.
func TestTorchXLAV1(t *testing.T) { testTorch(t, xlatest.CPU(t, 1), "v1") }
func TestTorchXLAV2(t *testing.T) { testTorch(t, xlatest.CPU(t, 1), "v2") }
