package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// TestList: runs in every state, and what is none, below one folder.
func TestList(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, "of today", name) }
	c := tiny(at("finished"))
	must.M1(Train(t.Context(), c, goMachine(t), &recorder{}))

	c = tiny(at("stopped"))
	c.MoCo.Temperature = 0.5
	ctx, cancel := context.WithCancel(t.Context())
	stop := recorder{onStep: func(done int) {
		if done == 4 {
			cancel()
		}
	}}
	if _, err := Train(ctx, c, goMachine(t), &stop); !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	must.M(os.CopyFS(at("training"), os.DirFS(at("stopped"))))
	dir := must.M1(run.OpenDir(durable.Disk{}, at("training")))
	defer dir.Close()
	must.M(os.CopyFS(at("cut"), os.DirFS(at("stopped"))))
	must.M(os.Truncate(filepath.Join(at("cut"), run.ConfigFile), 100))
	must.M(os.Remove(filepath.Join(at("cut"), "LAST")))
	must.M(os.MkdirAll(at("model"), 0o755))
	must.M(os.WriteFile(filepath.Join(at("model"), run.ConfigFile), []byte(`{"model_type": "resnet"}`), 0o644))

	all := must.M1(run.List(folder))
	var states []string
	for _, s := range all {
		states = append(states, filepath.Base(s.Dir)+" "+s.State)
	}
	want := []string{"cut unreadable", "finished finished", "stopped stopped", "training training"}
	if !slices.Equal(states, want) {
		t.Fatalf("%q, want %q", states, want)
	}
	rows, knn := must.M2(run.ReadMetrics(at("finished")))
	best := 0.0
	for _, row := range knn {
		best = max(best, row.Headline())
	}
	last := rows[len(rows)-1]
	if s := all[1]; s.Step != last.Step || s.Loss != last.Loss || float64(s.BestKNN) != best || s.Epochs != c.Run.Epochs {
		t.Errorf("%+v, want step %d, loss %v and kNN %v", s, last.Step, last.Loss, best)
	}
	if all[0].Problem == "" || all[2].Step != 4 {
		t.Errorf("unreadable for %q, stopped at step %d, want a reason and step 4", all[0].Problem, all[2].Step)
	}
	differing := must.M1(run.Differing([]run.Config{all[1].Config, all[2].Config}))
	if len(differing) != 1 || differing[0].Name != "moco.temperature" {
		t.Errorf("differing: %v, want the temperature alone", differing)
	}
	if _, err := run.List(filepath.Join(folder, "none")); err == nil {
		t.Error("a folder that is not there has runs")
	}
}
