//go:build cgo

package moco

import (
	"testing"

	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// XLA's enqueue is other graph code than the Go engine's.
func TestEnqueueXLA(t *testing.T) { testEnqueue(t, xlatest.CPU(t, 1)) }
