package run

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestRecordRoundTrip: what is written is read back equal, for every preset,
// and the run directory is not part of it.
func TestRecordRoundTrip(t *testing.T) {
	for _, name := range PresetNames() {
		c, _ := Preset(name)
		c.Run.Dir = "/somewhere"
		want := Record{Config: c, DataSHA256: "abc", Versions: map[string]string{"mocotpu": "v1", "revision": "1234"}}
		text, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeRecord(text)
		if err != nil {
			t.Fatalf("preset %s: %v", name, err)
		}
		if got.Run.Dir != "" {
			t.Errorf("preset %s: saved run.dir %q", name, got.Run.Dir)
		}
		want.Run.Dir = ""
		if !reflect.DeepEqual(got, want) {
			t.Errorf("preset %s: read %+v, want %+v", name, got, want)
		}
	}
}

// TestDecodeRecordStrict: a key too many, too few or misspelled is an error
// that names it with its group.
func TestDecodeRecordStrict(t *testing.T) {
	text, err := Record{Config: Glyphs()}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, old, new string
		want           string
	}{
		{"unknown", `"shuffle": true,`, `"shuffle": true, "shufle": true,`, `"shufle"`},
		{"missing", `"shuffle": true,`, ``, "moco.shuffle is missing"},
		{"another case", `"shuffle": true,`, `"Shuffle": true,`, "moco.shuffle is missing\nmoco.Shuffle is not a known key"},
		{"wrong type", `"shuffle": true,`, `"shuffle": "yes",`, "shuffle"},
		{"a group missing", `"engine": {`, `"engines": {`, "engines"},
		{"a group of another type", `"preset": "glyphs",`, `"preset": {},`, "preset"},
		{"text after", "\n}\n", "\n}}\n", "after top-level value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spoilt := strings.Replace(string(text), tt.old, tt.new, 1)
			_, err := decodeRecord([]byte(spoilt))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	for cut := range len(text) - 1 {
		if _, err := decodeRecord(text[:cut]); err == nil {
			t.Fatalf("the first %d of %d bytes read without an error", cut, len(text))
		}
	}
}

func TestCheckResume(t *testing.T) {
	saved := Record{Config: Glyphs(), DataSHA256: "0123456789abcdef", Versions: map[string]string{"go": "1", "gomlx": "v1", "old": "v1"}}
	asked := saved
	asked.Run.Epochs, asked.Engine.Devices, asked.Run.Dir = 20, 8, "elsewhere"
	asked.Versions = map[string]string{"go": "1", "gomlx": "v2", "new": "v1"}
	notices, err := CheckResume(saved, asked)
	want := []string{
		"engine.devices: 0, now 8", "run.epochs: 8, now 20",
		`version of gomlx: "v1", now "v2"`, `version of new: "", now "v1"`, `version of old: "v1", now ""`,
	}
	if err != nil || !slices.Equal(notices, want) {
		t.Errorf("notices %q, error %v, want %q and none", notices, err, want)
	}
	asked.MoCo.Queue, asked.Data.Kind, asked.DataSHA256 = 4096, "mnist", "other"
	_, err = CheckResume(saved, asked)
	if !errors.Is(err, ErrIncompatible) {
		t.Fatalf("error %v, want ErrIncompatible", err)
	}
	for _, line := range []string{`data.kind: "glyphs", now "mnist"`, "moco.queue: 2048, now 4096"} {
		if !strings.Contains(err.Error(), line) {
			t.Errorf("error %v, want it to name %q", err, line)
		}
	}
	for _, beside := range []string{"run.epochs", "data_sha256"} {
		if strings.Contains(err.Error(), beside) {
			t.Errorf("error %v names %s, which is harmless or follows from another", err, beside)
		}
	}
}

// TestCheckResumePrecision: float32 may be multiplied in another way, bfloat16 is another program.
func TestCheckResumePrecision(t *testing.T) {
	for _, test := range []struct {
		saved, asked string
		refused      bool
	}{
		{"tf32", "float32", false},
		{"float32", "tf32", false},
		{"float32", "bfloat16", true},
		{"bfloat16", "tf32", true},
	} {
		saved := Record{Config: Glyphs()}
		saved.Encoder.Precision = test.saved
		asked := saved
		asked.Encoder.Precision = test.asked
		notices, err := CheckResume(saved, asked)
		line := fmt.Sprintf("encoder.precision: %q, now %q", test.saved, test.asked)
		switch {
		case test.refused && (!errors.Is(err, ErrIncompatible) || !strings.Contains(err.Error(), line)):
			t.Errorf("%s: error %v, want ErrIncompatible", line, err)
		case !test.refused && (err != nil || !slices.Equal(notices, []string{line})):
			t.Errorf("%s: notices %q, error %v, want it as a notice", line, notices, err)
		}
	}
}

// TestCheckResumeData: other images under the same settings are refused, also when their folder moved.
func TestCheckResumeData(t *testing.T) {
	saved := Record{Config: CIFAR10(), DataSHA256: "0123456789abcdef"}
	asked := saved
	asked.Data.Dir, asked.DataSHA256 = "/elsewhere", "fedcba9876543210"
	_, err := CheckResume(saved, asked)
	if want := "data_sha256: 0123456789ab, now fedcba987654: the files of cifar10"; !errors.Is(err, ErrIncompatible) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want ErrIncompatible and %q", err, want)
	}
}
