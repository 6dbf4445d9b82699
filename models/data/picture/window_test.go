package picture

import (
	"testing"

	"github.com/janpfeifer/must"
)

func TestParseWindow(t *testing.T) {
	for text, want := range map[string]Window{"": {}, "0,65535": {0, 65535}, "120,3800": {120, 3800}} {
		if got := must.M1(ParseWindow(text)); got != want || got.String() != text {
			t.Errorf("%q is %v, %q, want %v", text, got, got, want)
		}
	}
	for _, text := range []string{"5", "5,", ",5", "9,9", "9,8", "-1,5", "0,65536", "0,0", "1,2,3", "1%,99%", "a,b", "1, 2"} {
		if w, err := ParseWindow(text); err == nil {
			t.Errorf("%q is %v, want an error", text, w)
		}
	}
}

// TestCount counts the samples of recorded files: 16-bit ones by their values, others not at all.
func TestCount(t *testing.T) {
	for _, c := range recorded(t).Cases {
		counts, n, above := make([]int64, maxSample+1), int64(0), int64(0)
		must.M(Count(counts, c.File))
		for v, count := range counts {
			if n += count; v >= 400 {
				above += count
			}
		}
		want := map[string]int64{
			"png gray 16": 36 * 20, "png gray 16 window": 36 * 20, "tiff gray 16": 44 * 20, "tiff gray 16 narrow": 36 * 20, // all below 400
			"tiff gray 16 full": 36 * 21, "tiff gray 16 window": 36 * 21, "png rgb 16": 3 * 37 * 20, "png rgb 16 window": 3 * 37 * 20,
			"png gray alpha 16": 3 * 38 * 20, "png rgba 16": 3 * 39 * 20,
		}[c.Name]
		if n != want || Deep(c.File) != (want > 0) {
			t.Errorf("%s: %d samples, deep %t, want %d", c.Name, n, Deep(c.File), want)
		}
		if low := want > 0 && want != 36*21 && want < 3*37*20; low && above > 0 {
			t.Errorf("%s: %d samples from 400 on, want none", c.Name, above)
		}
	}
}
