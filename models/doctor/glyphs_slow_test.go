//go:build slow && cgo

package doctor

import (
	"testing"

	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// The whole set, for docs/results/doctor.json.
func TestAllGlyphsWithLeaks(t *testing.T) {
	testGlyphsWithLeaks(t, xlatest.CPU(t, 1), 12000, 2000)
}
