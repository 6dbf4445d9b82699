package runflags

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/run"
)

// TestViewFlags: --views comes first wherever it stands, the others change what it chose.
func TestViewFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "soft.json")
	must.M(os.WriteFile(file, []byte(`{"area": {"min": 0.5, "max": 1}, "flip": 0.25}`), 0o644))
	v2 := must.M1(augment.Preset("v2"))
	for _, test := range []struct {
		args string
		want func(*augment.Config)
	}{
		{"--views=v2", func(*augment.Config) {}},
		{"--crop=0.3,0.9 --views=v2", func(c *augment.Config) { c.Area = augment.Range{Min: 0.3, Max: 0.9} }},
		{"--blur=0 --flip=0 --gray=0.1 --views=v2", func(c *augment.Config) { c.SetBlur(0); c.Flip = 0; c.SetGray(0.1) }},
		{"--views=v2 --jitter=0.8,0.8,0.8,0.2", func(c *augment.Config) { c.SetJitter(0.8, 0.8, 0.8, 0.2) }},
		{"--views=v2 --jitter=0", func(c *augment.Config) { c.SetJitter(0, 0, 0, 0) }},
		{"--preset=moco-v2 --views=" + file, func(c *augment.Config) { c.Area.Min, c.Flip = 0.5, 0.25 }},
		{"--flip=0 --preset=moco-v2 --views=" + file, func(c *augment.Config) { c.Area.Min, c.Flip = 0.5, 0 }},
	} {
		c, err := resolve(strings.Fields(test.args)...)
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
			continue
		}
		want := run.Config{Views: run.Views{Augment: v2}}
		test.want(&want.Views.Augment)
		got := run.Config{Views: run.Views{Augment: c.Views.Augment}}
		if diff := run.Diff(want, got); len(diff) > 0 {
			t.Errorf("%s: %v", test.args, diff)
		}
	}
}

// TestBadViews: each bad value is answered with what it is, what is wanted, and the flag.
func TestBadViews(t *testing.T) {
	for args, want := range map[string]string{
		"--views=v9":                "want one of cifar, digits",
		"--views=gone.json":         "gone.json",
		"--crop=0.9,0.2":            "--crop is 0.9 to 0.2, want 0 < min <= max <= 1",
		"--crop=0.9":                "want 2 numbers",
		"--jitter=0.1,0.1":          "want 4 numbers",
		"--jitter=0.4,0.4,0.4,many": "no number",
		"--jitter=0.4,0.4,0.4,0.9":  "hue is 0.9, want within [0, 0.5]",
		"--jitter=-1,0,0,0":         "--jitter brightness is -1, want within [0, 10]",
		"--flip=1.5":                "--flip is 1.5, want a probability",
		"--blur=NaN":                "--blur is NaN",
	} {
		_, err := resolve(args)
		if err == nil || !strings.Contains(Message(command(), err), want) || strings.Contains(Message(command(), err), "views.augment") {
			t.Errorf("%s: error %v, want one that says %q", args, err, want)
		}
	}
}

// TestBadNumbersOfAFile: what a file of views got wrong is named by the file's keys, what a flag got wrong by the flag.
func TestBadNumbersOfAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hard.json")
	must.M(os.WriteFile(file, []byte(`{"flip": 2, "ratio": {"min": 0}, "blur": {"p": 0.5, "kernel": 3}, "jitter": {"hue": 0.9}}`), 0o644))
	given := []string{"--views=" + file, "--gray=7"}
	_, err := resolve(given...)
	cmd := command()
	must.M(cmd.Flags().Parse(given))
	text := Message(cmd, err)
	for _, want := range []string{"--views flip is 2", "--views ratio is 0 to", "--views blur.kernel is 3", "--views jitter.hue is 0.9", "--gray is 7"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nwant %q", text, want)
		}
	}
}

// command is one that takes the flags.
func command() *cobra.Command {
	cmd := &cobra.Command{Use: "train"}
	Add(cmd.Flags())
	return cmd
}
