package machine

import (
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/run"
)

// Only float32 is exact on a GPU.
func TestStepOptions(t *testing.T) {
	for precision, tf32 := range map[string]bool{"float32": false, "tf32": true, "bfloat16": true} {
		c := run.Glyphs()
		c.Encoder.Precision, c.Engine.GPU.Preallocate = precision, true
		if got := stepOptions(c); got.TF32 != tf32 || !got.GPU.Preallocate {
			t.Errorf("%s: options %+v, want TF32 %t and the GPU's", precision, got, tf32)
		}
		if engineOptions(c.Engine).TF32 {
			t.Errorf("%s: an engine for something else than the step has TF32", precision)
		}
	}
}

// Who trains in float32 on a GPU is told what else there is, and nobody else.
func TestPrecisionNote(t *testing.T) {
	for _, test := range []struct {
		engine, precision string
		told              bool
	}{{"cuda", "float32", true}, {"cuda", "tf32", false}, {"cuda", "bfloat16", false}, {"cpu", "float32", false}} {
		c := run.Glyphs()
		c.Encoder.Precision = test.precision
		if note := PrecisionNote(c, test.engine); (note != "") != test.told || test.told && !strings.Contains(note, "--precision=tf32") {
			t.Errorf("%s on %s: note %q, want one: %t", test.precision, test.engine, note, test.told)
		}
	}
}
