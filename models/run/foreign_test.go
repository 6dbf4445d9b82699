package run

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// TestCheckFolder has a run, what a killed run leaves, and an empty folder taken, and everything else named.
func TestCheckFolder(t *testing.T) {
	record := string(must.M1(Record{Config: Glyphs()}.Encode()))
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string // "" is none
	}{
		{"empty", nil, ""},
		{"killed before its configuration", map[string]string{"LOCK": "", "config.json.mocotpu-tmp": "{"}, ""},
		{"killed before its first step", map[string]string{"LOCK": "", "config.json": record}, ""},
		{"copied, with notes", map[string]string{"config.json": record, "notes.txt": ""}, ""},
		{"without its configuration", map[string]string{"step-0000010/state.json": "", "LAST": ""}, ""},
		{"photos", map[string]string{"a.jpg": "", "b.jpg": "", "c.jpg": "", "d.jpg": "", "e\x1b[2J.jpg": ""}, `"a.jpg", "b.jpg", "c.jpg", 2 more`},
		{"a home", map[string]string{".profile": ""}, `".profile"`},
		{"another program's lock", map[string]string{"LOCK": "", "CURRENT": ""}, `"CURRENT", "LOCK"`},
		{"transformers", map[string]string{"config.json": `{"model_type": "resnet", "architectures": ["R"]}`, "model.safetensors": ""}, `Hugging Face ("resnet")`},
		{"timm", map[string]string{"config.json": `{"architecture": "resnet18", "num_classes": 3}`}, `Hugging Face ("resnet18")`},
		{"another config.json", map[string]string{"config.json": `{"a": 1}`}, `"config.json"`},
		{"no JSON", map[string]string{"config.json": "a"}, `"config.json"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tt.files {
				must.M(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
				must.M(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
			}
			before := must.M1(os.ReadDir(dir))
			d, openErr := OpenDir(durable.Disk{}, dir)
			if openErr == nil {
				must.M(d.Close())
			} else if after := must.M1(os.ReadDir(dir)); len(after) != len(before) {
				t.Errorf("a folder that was refused has %d entries, want the %d it had", len(after), len(before))
			}
			for what, err := range map[string]error{"CheckFolder": CheckFolder(dir), "OpenDir": openErr} {
				switch {
				case tt.want == "" && err != nil:
					t.Errorf("%s: error %v, want none", what, err)
				case tt.want != "" && (!errors.Is(err, ErrNotRun) || !strings.Contains(err.Error(), tt.want)):
					t.Errorf("%s: error %v, want ErrNotRun with %q", what, err, tt.want)
				}
			}
		})
	}
	if err := CheckFolder(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Errorf("a folder that is not there: %v", err)
	}
}
