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

// Who trains in a precision that is slow there is told of a faster one, and nobody else.
func TestPrecisionNote(t *testing.T) {
	for _, test := range []struct {
		engine, precision string
		bfloat16          bool // the processor's instructions
		want              string
	}{
		{"cuda", "float32", false, "--precision=tf32"},
		{"cuda", "tf32", false, ""},
		{"cuda", "bfloat16", false, ""},
		{"cpu", "float32", false, ""},
		{"cpu", "bfloat16", false, "--precision=float32"},
		{"cpu", "bfloat16", true, ""},
		{"go", "bfloat16", false, ""},
	} {
		note := precisionNote(test.precision, test.engine, test.bfloat16)
		if (note != "") != (test.want != "") || !strings.Contains(note, test.want) {
			t.Errorf("%s on %s, bfloat16 multiplied: %t: note %q, want one with %q", test.precision, test.engine, test.bfloat16, note, test.want)
		}
	}
}

func TestWriteProcessor(t *testing.T) {
	for bfloat16, want := range map[bool]string{true: "faster in it", false: "no bfloat16 instructions"} {
		var out strings.Builder
		if writeProcessor(&out, bfloat16); !strings.Contains(out.String(), want) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("bfloat16 multiplied: %t: %q, want a line with %q", bfloat16, out.String(), want)
		}
	}
}

// The rate of decoding is the recorded one.
func TestDecodedByCore(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "results", "data.json"))
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
