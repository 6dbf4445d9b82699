package augment

import (
	"reflect"
	"testing"

	"github.com/janpfeifer/must"
)

// TestText: what a setting is shown as sets it again.
func TestText(t *testing.T) {
	for _, preset := range Presets() {
		want := must.M1(Preset(preset))
		got := want
		for name := range numbers {
			must.M(got.Set(name, want.Text(name)))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", preset, got, want)
		}
	}
	c := must.M1(Preset("v2"))
	for name, text := range map[string]string{"crop": "0.3, 0.9", "jitter": "0.1,0.2,0.3,0.4", "gray": "0.25", "blur": "0", "flip": "1"} {
		must.M(c.Set(name, text))
	}
	if c.Area.Min != 0.3 || c.Jitter.Hue != 0.4 || c.Gray != 0.25 || c.Blur.P != 0 || c.Flip != 1 || c.Text("crop") != "0.3,0.9" {
		t.Errorf("set to %+v", c)
	}
	for _, wrong := range []struct{ name, text string }{{"crop", "1"}, {"flip", "often"}, {"jitter", ""}, {"sharpness", "1"}} {
		if err := c.Set(wrong.name, wrong.text); err == nil {
			t.Errorf("%s=%s is taken", wrong.name, wrong.text)
		}
	}
}
