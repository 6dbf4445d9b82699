package machine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// The rate of decoding is the recorded one.
func TestDecodedByCore(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "results", "data.json"))
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Text []string   `json:"text"`
		Rows [][]string `json:"rows"`
	}
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(recorded.Rows, func(row []string) bool { return row[0] == "decode and squeeze" && row[1] == "libjpeg-turbo" })
	if at < 0 || !strings.Contains(recorded.Text[0], "2 workers") || recorded.Rows[at][2] != strconv.Itoa(2*decodedByCore) {
		t.Errorf("recorded are %q, %q, want %g img/s of 2 workers", recorded.Text, recorded.Rows, 2*decodedByCore)
	}
}

// A plan knows what images take, and which may be files.
func TestProgramOf(t *testing.T) {
	c := run.Glyphs()
	if p := ProgramOf(c); p.ImageBytes != 32*32*3 || p.DecodeRate != 0 || !p.Shuffled {
		t.Errorf("glyphs: %+v", p)
	}
	c.Data.Kind, c.Data.Canvas, c.MoCo.Shuffle = "folder", 256, false
	if p := ProgramOf(c); p.ImageBytes != 256*256*3 || p.DecodeRate != decodedByCore || p.Shuffled {
		t.Errorf("a folder: %+v", p)
	}
}
