package run

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// Nothing is written over a run's own files, by whatever way they are named, nor among the images of a folder;
// either takes other files.
func TestCheckOutputs(t *testing.T) {
	root := t.TempDir()
	t.Chdir(root)
	d := must.M1(OpenDir(durable.Disk{}, "a"))
	must.M(d.SaveRecord(Record{Config: Glyphs()}))
	must.M(d.Close())
	must.M(os.Mkdir("photos", 0o755))
	must.M(os.WriteFile("photos/1.png", nil, 0o644))
	must.M(os.WriteFile("bank.npy", nil, 0o644))
	must.M(os.Symlink("a", "link"))
	inputs := []string{"none", "a", "photos", "bank.npy"}
	for _, output := range []string{
		"a", "a/config.json", "link/config.json", filepath.Join(root, "a", "metrics.jsonl"), "a/LOCK", "a/LAST", "a/step-0000008/queue.safetensors",
		"a/tensorboard/x", "photos/../a/config.json", "photos/1.png", "photos/2.png", "bank.npy", "link",
	} {
		if err := CheckOutputs(inputs, "fine.html", output); err == nil {
			t.Errorf("%s may be written over", output)
		}
	}
	if err := CheckOutputs(inputs, "fine.html", "a/report.html", "a/encoder.safetensors", "photos/2.html", "photos/bank.npy", "a.html", "none", "bank.npy.html"); err != nil {
		t.Error(err)
	}
	t.Chdir("a")
	if err := CheckOutputs([]string{"."}, "config.json"); err == nil {
		t.Error("config.json of the working folder's run may be written over")
	}
}
