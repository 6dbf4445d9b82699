//go:build slow

package doctor

import "testing"

// The whole set, for docs/results/leaks.json.
func TestAllGlyphsWithLeaks(t *testing.T) { testGlyphsWithLeaks(t, 12000, 2000) }
