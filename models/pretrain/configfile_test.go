package pretrain

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestConfigRoundTrip: what is written is read back equal, for every preset,
// and the run directory is not part of it.
func TestConfigRoundTrip(t *testing.T) {
	for _, name := range PresetNames() {
		c, _ := Preset(name)
		c.Run.Dir = "/somewhere"
		text, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeConfig(text)
		if err != nil {
			t.Fatalf("preset %s: %v", name, err)
		}
		if got.Run.Dir != "" {
			t.Errorf("preset %s: saved run.dir %q", name, got.Run.Dir)
		}
		c.Run.Dir = ""
		if !reflect.DeepEqual(got, c) {
			t.Errorf("preset %s: read %+v, want %+v", name, got, c)
		}
	}
}

// TestDecodeConfigStrict: a key too many, too few or misspelled is an error
// that names it with its group.
func TestDecodeConfigStrict(t *testing.T) {
	text, err := Glyphs().Encode()
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
			_, err := DecodeConfig([]byte(spoilt))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	for cut := range len(text) - 1 {
		if _, err := DecodeConfig(text[:cut]); err == nil {
			t.Fatalf("the first %d of %d bytes read without an error", cut, len(text))
		}
	}
}

// TestDiffSeesEveryField changes each leaf of Config through reflection; Diff
// must name exactly it. A field added later is covered by itself.
func TestDiffSeesEveryField(t *testing.T) {
	if d := Diff(Glyphs(), Glyphs()); len(d) > 0 {
		t.Fatalf("equal values differ: %v", d)
	}
	leaves := 0
	var visit func(path string, v reflect.Value, root *Config)
	visit = func(path string, v reflect.Value, root *Config) {
		if v.Kind() == reflect.Struct {
			for i := range v.NumField() {
				if name := v.Type().Field(i).Tag.Get("json"); name != "-" {
					visit(strings.TrimPrefix(path+"."+name, "."), v.Field(i), root)
				}
			}
			return
		}
		leaves++
		before := reflect.New(v.Type()).Elem()
		before.Set(v)
		switch v.Kind() {
		case reflect.String:
			v.SetString(v.String() + "x")
		case reflect.Int:
			v.SetInt(v.Int() + 1)
		case reflect.Uint64:
			v.SetUint(v.Uint() + 1)
		case reflect.Float64:
			v.SetFloat(v.Float() + 1)
		case reflect.Bool:
			v.SetBool(!v.Bool())
		case reflect.Slice:
			v.Set(reflect.ValueOf([]int{3, 4}))
		default:
			t.Fatalf("%s: kind %v is not handled", path, v.Kind())
		}
		if d := Diff(Glyphs(), *root); len(d) != 1 || !strings.HasPrefix(d[0], path+": ") {
			t.Errorf("changing %s: Diff = %q", path, d)
		}
		v.Set(before)
	}
	c := Glyphs()
	visit("", reflect.ValueOf(&c).Elem(), &c)
	if leaves < 40 {
		t.Errorf("visited %d fields, want all (over 40)", leaves)
	}
}

func TestCheckResume(t *testing.T) {
	saved := Glyphs()
	asked := saved
	asked.Run.Epochs, asked.Engine.Devices, asked.Run.Dir = 20, 8, "elsewhere"
	notices, err := CheckResume(saved, asked)
	want := []string{"engine.devices: 0, now 8", "run.epochs: 8, now 20"}
	if err != nil || !slices.Equal(notices, want) {
		t.Errorf("notices %q, error %v, want %q and none", notices, err, want)
	}
	asked.MoCo.Queue, asked.Data.Kind = 4096, "mnist"
	_, err = CheckResume(saved, asked)
	if !errors.Is(err, ErrIncompatible) {
		t.Fatalf("error %v, want ErrIncompatible", err)
	}
	for _, line := range []string{`data.kind: "glyphs", now "mnist"`, "moco.queue: 2048, now 4096"} {
		if !strings.Contains(err.Error(), line) {
			t.Errorf("error %v, want it to name %q", err, line)
		}
	}
	if strings.Contains(err.Error(), "run.epochs") {
		t.Errorf("error %v names a harmless field", err)
	}
	for _, h := range harmless {
		if !strings.Contains(allFields(t), "\n"+h) {
			t.Errorf("harmless field %q does not exist", h)
		}
	}
}

// allFields lists the fields that differ between the zero Config and one with
// nothing zero, each after a newline.
func allFields(t *testing.T) string {
	t.Helper()
	full := Glyphs()
	full.Data = Data{"k", "s", "d", 1, 1, 1}
	full.Optim.Milestones, full.Optim.Warmup = []int{1}, 1
	full.MoCo.Symmetric = true
	full.KNN.BankImages = 1
	full.Engine = Engine{"b", 1, "p"}
	full.Run = Run{1, 1, 1, 1, 1, 1, ""}
	return "\n" + strings.Join(Diff(Config{}, full), "\n")
}
