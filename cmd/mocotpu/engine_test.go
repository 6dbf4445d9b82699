package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/pretrain"
)

// Only float32 is exact on a GPU.
func TestStepOptions(t *testing.T) {
	for precision, tf32 := range map[string]bool{"float32": false, "tf32": true, "bfloat16": true} {
		c := pretrain.Glyphs()
		c.Encoder.Precision = precision
		if got := stepOptions(c).TF32; got != tf32 {
			t.Errorf("%s: TF32 is %t, want %t", precision, got, tf32)
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
		c := pretrain.Glyphs()
		c.Encoder.Precision = test.precision
		if note := precisionNote(c, test.engine); (note != "") != test.told || test.told && !strings.Contains(note, "--precision=tf32") {
			t.Errorf("%s on %s: note %q, want one: %t", test.precision, test.engine, note, test.told)
		}
	}
}

// tf32 is refused where it is not, by name and after auto has chosen.
func TestTF32ElsewhereIsRefused(t *testing.T) {
	for _, command := range []string{"train", "bench step", "compile"} {
		var out, talk bytes.Buffer
		args := append(strings.Fields(command), "--preset=glyphs-go", "--backend=cpu", "--precision=tf32")
		if code := run(t.Context(), args, &out, &talk); code != exitUsage || !strings.Contains(talk.String(), "encoder.precision is tf32, which only the cuda engine has") {
			t.Errorf("%s: exit code %d, %q, want %d and why", command, code, talk.String(), exitUsage)
		}
	}
	c := pretrain.GlyphsGo()
	c.Encoder.Precision = "tf32"
	e, err := openFor(c, nil)
	if err == nil {
		defer e.Close()
		if e.EngineName() == "cuda" {
			t.Skip("this machine has a GPU")
		}
		t.Fatalf("tf32 opens on %s", e.EngineName())
	}
	if exitCode(t.Context(), err) != exitUsage || !strings.Contains(err.Error(), "only the cuda engine has it") {
		t.Errorf("error %v, want one of usage", err)
	}
}
