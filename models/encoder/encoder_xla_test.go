//go:build cgo

package encoder

import (
	"testing"

	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// XLA embeds as the network computes, on one device and split over two.
func TestEmbedXLA(t *testing.T)     { testEmbed(t, xlatest.CPU(t, 1), 1) }
func TestEmbedDevices(t *testing.T) { testEmbed(t, xlatest.CPU(t, 2), 2) }
