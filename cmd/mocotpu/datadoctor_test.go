package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/models/doctor"
	"github.com/mocotpu/mocotpu/models/run"
)

// The doctor names a leaked image and writes its page; the line that it ends with trains, and --preset=auto trains the same
// configuration, which config.json has, so that the run goes on without the doctor.
func TestDataDoctor(t *testing.T) {
	t.Chdir(t.TempDir())
	must.M(specimen.Folder(t.Context(), "my photos/train", specimen.Options{Images: 64, Classes: 2, Width: 50, Height: 40}))
	must.M(specimen.Folder(t.Context(), "my photos/val", specimen.Options{Images: 16, Classes: 2, Width: 50, Height: 40, Seed: 1}))
	leak := must.M1(os.ReadFile("my photos/train/class_01/img_000007.JPEG"))
	must.M(os.WriteFile("my photos/val/class_01/img_000003.JPEG", leak, 0o644))
	code, stdout, stderr := call(t, "data", "doctor", "my photos", "--backend=go", "--html=found.html", "--json")
	if code != 0 {
		t.Fatalf("exit code %d, stderr %s", code, stderr)
	}
	var r doctor.Report
	must.M(json.Unmarshal([]byte(stdout), &r))
	if l := r.Leaks; l.Exact != 1 || l.Pairs[0].Image != "class_01/img_000003.JPEG" || l.Pairs[0].Of != "class_01/img_000007.JPEG" || l.Pairs[0].Kind != "exact" {
		t.Errorf("leaks %+v, want the one that was copied", l)
	}
	page := string(must.M1(os.ReadFile("found.html")))
	if !strings.Contains(page, "img_000003.JPEG") || !strings.Contains(page, `src="data:image/png;base64,`) || strings.Contains(page, "<script") {
		t.Errorf("the page has no picture of the leak: %.300s", page)
	}
	if code, _, stderr := call(t, "data", "doctor", "my photos", "--html=found.html"); code != exitUsage || !strings.Contains(stderr, "--force") {
		t.Errorf("a page that is there: exit code %d, stderr %s", code, stderr)
	}
	line := strings.ReplaceAll(strings.TrimPrefix(r.Command, "mocotpu "), "'--data=", "--data=")
	line = strings.ReplaceAll(line, "'my photos'", "my\x00photos")
	small := strings.Fields("--backend=go --arch=resnet10 --width=2 --dim=8 --bn-groups=2 --steps=1 --knn-every=0 --dir")
	var configs []run.Config
	for dir, args := range map[string][]string{"line": strings.Fields(line), "auto": {"train", "--preset=auto", "--data=my photos"}} {
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "\x00", " ")
		}
		code, _, stderr := call(t, append(append(args, small...), dir)...)
		if code != 0 || (dir == "auto") != strings.Contains(stderr, "chosen: --queue=32, the batch") {
			t.Fatalf("%q: exit code %d, stderr %s", args, code, stderr)
		}
		c := must.M1(run.ReadRecord(dir)).Config
		c.Run.Dir, c.Preset, c.Views.Preset = "", "", ""
		configs = append(configs, c)
	}
	if d := run.Diff(configs[0], configs[1]); len(d) > 0 {
		t.Errorf("the line and --preset=auto differ: %q", d)
	}
	if code, _, stderr := call(t, "train", "--dir=auto", "--steps=2"); code != 0 || strings.Contains(stderr, "chosen:") {
		t.Errorf("going on: exit code %d, stderr %s", code, stderr)
	}
	if code, stdout, _ := call(t, "data", "doctor", "my photos/train", "--against=my photos/val", "--backend=go"); code != 0 ||
		!strings.Contains(stdout, "of 16 my photos/val images") || !strings.Contains(stdout, ": 1 exact, ") {
		t.Errorf("against a folder: exit code %d, %s", code, stdout)
	}
	for args, want := range map[string]string{
		"data doctor": "0 arguments", "data doctor nowhere": `DATA is "nowhere", want a data set`, "data doctor nowhere --data-dir=x": "beside --data-dir=x",
		"data doctor mnist": "data get mnist", "data doctor glyphs --backend=x": "--backend",
		"data doctor glyphs --against=nowhere": `--against is "nowhere", want a data set`,
		"data doctor glyphs --encoder=nowhere": "--encoder=nowhere: encoder: stat nowhere: no such file or directory: want a run directory",
		"train --preset=auto --data=nowhere":   "neither a data set",
	} {
		if code, stdout, stderr := call(t, strings.Fields(args)...); code != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %q, want 2 and %q", args, code, stderr, want)
		}
	}
}

// Sets of 16-bit gray images and small ones end in a line that trains, and --preset=auto takes the same: their window, one
// channel, a batch that there are images for. Weights to start from have their own channels.
func TestDataDoctorOfFewScans(t *testing.T) {
	t.Chdir(t.TempDir())
	putScans("scans")
	must.M(specimen.Folder(t.Context(), "few", specimen.Options{Images: 24, Width: 40, Height: 40}))
	must.M(specimen.Folder(t.Context(), "fewer", specimen.Options{Images: 12, Width: 40, Height: 40}))
	const small = " --backend=go --arch=resnet10 --width=2 --dim=8 --steps=1 --knn-every=0 --image-size=16 --dir="
	for name, want := range map[string]string{"scans": " --channels=1 --window=", "few": " --batch=16 --queue=16 "} {
		code, stdout, stderr := call(t, "data", "doctor", name, "--backend=go", "--json")
		var r doctor.Report
		if code != 0 || json.Unmarshal([]byte(stdout), &r) != nil || !strings.Contains(r.Command, want) {
			t.Fatalf("%s: exit code %d, %s, %s, want %q", name, code, stderr, r.Command, want)
		}
		line := strings.TrimPrefix(r.Command, "mocotpu ")
		var configs []run.Config
		for dir, args := range map[string]string{name + "-line": line, name + "-auto": "train --preset=auto --data=" + name} {
			if code, _, stderr := call(t, strings.Fields(args+small+dir)...); code != 0 {
				t.Fatalf("%s: exit code %d, %s", args, code, stderr)
			}
			c := must.M1(run.ReadRecord(dir)).Config
			c.Run.Dir, c.Preset, c.Views.Preset = "", "", ""
			configs = append(configs, c)
		}
		if d := run.Diff(configs[0], configs[1]); len(d) > 0 {
			t.Errorf("%s: the line and --preset=auto differ: %q", name, d)
		}
	}
	if code, _, stderr := call(t, strings.Fields("train --preset=auto --data=fewer"+small+"fewer-auto")...); code != exitUsage || !strings.Contains(stderr, "12 training images, want at least 16") {
		t.Errorf("12 images: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := call(t, strings.Fields("train --preset=auto --data=fewer --bn-groups=4"+small+"four-groups")...); code != 0 {
		t.Errorf("12 images in 4 groups: exit code %d, %s", code, stderr)
	}
	if code, _, stderr := call(t, strings.Fields("train --preset=auto --data=scans --init=nothere"+small+"from")...); code == 0 || strings.Contains(stderr, "--channels") {
		t.Errorf("weights to start from: exit code %d, %s", code, stderr)
	}
}
