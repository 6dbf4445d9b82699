package augment

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// read reads a file of that text over a preset.
func read(t *testing.T, text string, base Config) (Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "views.json")
	must.M(os.WriteFile(file, []byte(text), 0o644))
	return Read(file, base)
}

// TestRead: a file changes what it names and nothing else, and never the slice of the value that it changes.
func TestRead(t *testing.T) {
	base := must.M1(Preset("v2"))
	got, err := read(t, `{"ops": ["blur"], "flip": 0, "jitter": {"p": 0}, "gray": 0, "blur": {"sigma": {"max": 1}}}`, base)
	if err != nil {
		t.Fatal(err)
	}
	want := must.M1(Preset("v2"))
	if !reflect.DeepEqual(base, want) {
		t.Fatalf("the base became %+v", base)
	}
	want.Ops, want.Flip, want.Gray, want.Jitter.P, want.Blur.Sigma.Max = []string{OpBlur}, 0, 0, 0, 1
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestReadWhole: what a run's config.json has is read back over any preset.
func TestReadWhole(t *testing.T) {
	for _, name := range Presets() {
		want := must.M1(Preset(name))
		for _, base := range Presets() {
			got, err := read(t, string(must.M1(json.Marshal(want))), must.M1(Preset(base)))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s over %s: %+v, %v, want %+v", name, base, got, err, want)
			}
		}
	}
}

// TestReadFillsIn: a file that has no list of operations does what the flags do.
func TestReadFillsIn(t *testing.T) {
	for _, test := range []struct {
		base, text string
		want       func(*Config)
	}{
		{"glyphs", `{"blur": {"p": 0.5}}`, func(c *Config) { c.SetBlur(0.5) }},
		{"glyphs", `{"blur": {"sigma": {"max": 1}}}`, func(c *Config) { c.SetBlur(0.5); c.Blur.Sigma.Max = 1 }},
		{"v2", `{"blur": {"p": 0}}`, func(c *Config) { c.SetBlur(0) }},
		{"v2", `{"blur": {"kernel": 0.2}}`, func(c *Config) { c.Blur.Kernel = 0.2 }},
		{"glyphs", `{"jitter": {"brightness": 0.4, "hue": 0.1}}`, func(c *Config) { c.SetJitter(0.4, 0, 0, 0.1) }},
		{"v1", `{"jitter": {"hue": 0.1}}`, func(c *Config) { c.Jitter.Hue = 0.1 }},
		{"v2", `{"jitter": {"p": 0}}`, func(c *Config) { c.SetJitter(0, 0, 0, 0) }},
		{"digits", `{"gray": 0.2}`, func(c *Config) { c.SetGray(0.2) }},
		{"v2", `{"gray": 0}`, func(c *Config) { c.SetGray(0) }},
		{"digits", `{"mix": {"p": 0.5}}`, func(c *Config) { c.Mix = Mix{P: 0.5, Gain: Range{0.6, 1.4}}; c.list(OpMix, true) }},
		{"glyphs", `{"mix": {"p": 0}}`, func(c *Config) { c.Mix = Mix{}; c.list(OpMix, false) }},
	} {
		want := must.M1(Preset(test.base))
		test.want(&want)
		got, err := read(t, test.text, must.M1(Preset(test.base)))
		if err != nil || !reflect.DeepEqual(got, want) || got.Validate() != nil {
			t.Errorf("%s over %s: %+v, %v, want %+v", test.text, test.base, got, err, want)
		}
	}
}

// TestReadRefuses: each fault is named with what the file has and what is wanted, without Go's types.
func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"crop": 1}`:                       `the file has a key that is "crop", want one of area, ratio, flip, ops, jitter, gray, mix, blur, channels, mean, std`,
		`{"Flip": 1}`:                       "did you mean flip?",
		`{"blur": {"sigam": {"max": 1}}}`:   `blur has a key that is "sigam", want one of p, sigma, kernel; did you mean sigma?`,
		`{"flip": "often"}`:                 `flip is "often", want a number`,
		`{"flip": null}`:                    "flip is null, want a number",
		`{"blur": 0.5}`:                     "blur is 0.5, want an object with any of p, sigma, kernel",
		`{"area": [0.2, 1]}`:                "area is a list of 2, want an object with any of min, max",
		`{"ops": "blur"}`:                   `ops is "blur", want a list of jitter, gray, mix, blur`,
		`{"ops": [1]}`:                      "ops is a list of 1, want a list of jitter",
		`{"mean": [1, 2]}`:                  "mean is a list of 2, want a list of 3 numbers",
		`{"channels": 1.5}`:                 "channels is 1.5, want a whole number",
		`{"flip": 0.5}{"x": 1}`:             "want one JSON object and nothing behind it",
		`{"flip": 0.5, "flip": 0}`:          "flip stands twice",
		`{"area": {"min": 1, "min": 0.5}}`:  "area.min stands twice",
		"{\n\"flip\": 0.5,\n":               "line 3 is no JSON",
		`[]`:                                "got a list of 0, want a JSON object",
		"":                                  `the file is empty, want a JSON object such as {"flip": 0.5}`,
		`{"jitter": {"p": 1}}`:              "no strength, want brightness",
		`{"flip": 1e999}`:                   "too large",
		`{"flip": "x", "gray": {"p": 0.5}}`: "gray is an object, want a number",
	} {
		_, err := read(t, text, must.M1(Preset("glyphs")))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "views.json") || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%s: error %v, want one with the file's name and %q", text, err, want)
		}
	}
	if _, err := Read("gone.json", Config{}); err == nil || !strings.Contains(err.Error(), "gone.json: there is no such file, want a JSON object") {
		t.Errorf("a missing file: error %v", err)
	}
}

// TestDocumentedFields: the table of docs/presets.md has the keys that a file takes, and their fields, and no others.
func TestDocumentedFields(t *testing.T) {
	page := string(must.M1(os.ReadFile("../../docs/presets.md")))
	_, table, found := strings.Cut(page, "| key | fields |")
	if !found {
		t.Fatal("docs/presets.md has no table of keys and fields")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	named := regexp.MustCompile("`([a-z.]+)`")
	words := func(cell string) (all []string) {
		for _, m := range named.FindAllStringSubmatch(cell, -1) {
			all = append(all, m[1])
		}
		return all
	}
	documented := map[string][]string{}
	var order []string
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) > 3 && len(words(cells[1])) == 1 {
			key := words(cells[1])[0]
			documented[key], order = words(cells[2]), append(order, key)
		}
	}
	names, fields := fieldsOf(reflect.ValueOf(&Config{}).Elem())
	if !slices.Equal(order, names) {
		t.Errorf("the table has keys %q, want %q", order, names)
	}
	for key, field := range fields {
		want := leaves("", field)
		if !slices.Equal(documented[key], want) {
			t.Errorf("%s: the table has fields %q, want %q", key, documented[key], want)
		}
	}
}

// leaves are the fields of a struct, those of structs in it with their path; none of another value.
func leaves(path string, v reflect.Value) (all []string) {
	if v.Kind() != reflect.Struct {
		return nil
	}
	names, fields := fieldsOf(v)
	for _, name := range names {
		if inner := leaves(path+name+".", fields[name]); inner != nil {
			all = append(all, inner...)
		} else {
			all = append(all, path+name)
		}
	}
	return all
}
