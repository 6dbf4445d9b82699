package augment

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// TestRead: a file changes what it names and nothing else, and never the slice of the value that it changes.
func TestRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "views.json")
	base := must.M1(Preset("v2"))
	must.M(os.WriteFile(file, []byte(`{"ops": ["blur"], "flip": 0, "jitter": {"p": 0}, "gray": 0, "blur": {"sigma": {"max": 1}}}`), 0o644))
	got, err := Read(file, base)
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
	for text, word := range map[string]string{`{"crop": 1}`: `"crop"`, `{"flip": "often"}`: "flip", `[]`: "array", "": "EOF"} {
		must.M(os.WriteFile(file, []byte(text), 0o644))
		if _, err := Read(file, base); err == nil || !strings.Contains(err.Error(), word) || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: error %v, want one with the file's name and %q", text, err, word)
		}
	}
}

// TestSet: operations come to where MoCo v2 has them, and go.
func TestSet(t *testing.T) {
	c := must.M1(Preset("digits"))
	c.SetBlur(0.5)
	c.SetGray(0.2)
	if want := []string{OpJitter, OpGray, OpBlur}; !slices.Equal(c.Ops, want) {
		t.Errorf("operations %v, want %v", c.Ops, want)
	}
	c.SetJitter(0.4, 0.4, 0.4, 0.1)
	c.Area.Min, c.Flip = 0.2, 0.5
	v2 := must.M1(Preset("v2"))
	v2.Mean, v2.Std = c.Mean, c.Std
	if !reflect.DeepEqual(c, v2) {
		t.Errorf("got %+v, want v2's %+v", c, v2)
	}
	before := slices.Clone(c.Ops)
	d := c
	d.SetJitter(0, 0, 0, 0)
	d.SetBlur(0)
	d.SetGray(0)
	if err := d.Validate(); err != nil || len(d.Ops) != 0 || d.Blur != (Blur{}) || d.Jitter != (Jitter{}) {
		t.Errorf("without any: %+v and error %v", d, err)
	}
	if !slices.Equal(c.Ops, before) {
		t.Errorf("the copy changed the original's operations to %v", c.Ops)
	}
	v1 := must.M1(Preset("v1"))
	v1.SetJitter(0.8, 0.8, 0.8, 0.2)
	if v1.Jitter.P != 1 || !slices.Equal(v1.Ops, []string{OpGray, OpJitter}) {
		t.Errorf("v1 with another jitter: %+v, want its probability and order", v1)
	}
}
