package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// hostileRuns are run directories that no trainer left so.
func hostileRuns(g good) []hostileInput {
	var all []hostileInput
	commands := []string{"train --dir=DIR/run --steps=9", "embed DIR/run --backend=go --images=4 --out=DIR/f.npy", "report DIR/run --curves-only --out=DIR/r.html"}
	// spoil copies the good run and changes it.
	spoil := func(name string, commands []string, harmless bool, change func(run string)) {
		for _, args := range commands {
			all = append(all, hostileInput{name: name + ": " + args, args: args, harmless: harmless, make: func(dir string) {
				must.M(os.CopyFS(filepath.Join(dir, "run"), os.DirFS(g.run)))
				change(filepath.Join(dir, "run"))
			}})
		}
	}
	replaced := func(name string, content []byte) func(string) {
		return func(run string) { put(run, name, content) }
	}
	train, embed, report := commands[:1], commands[1:2], commands[2:]
	config := must.M1(os.ReadFile(filepath.Join(g.run, "config.json")))
	metrics := must.M1(os.ReadFile(filepath.Join(g.run, "metrics.jsonl")))
	spoil("an empty config.json", []string{train[0], report[0]}, false, replaced("config.json", nil))
	spoil("a config.json that is a folder", []string{train[0], report[0]}, false, func(run string) {
		must.M(os.Remove(filepath.Join(run, "config.json")))
		must.M(os.Mkdir(filepath.Join(run, "config.json"), 0o755))
	})
	spoil("deep JSON", []string{train[0], report[0]}, false, replaced("config.json", []byte(strings.Repeat(`{"a":`, 100_000))))
	spoil("a terabyte of config.json", []string{train[0], report[0]}, false, func(run string) { hole(run, "config.json", config, 1<<40) })
	for i, c := range changed(config, 8) {
		spoil(fmt.Sprintf("config.json, changed %d", i), train, true, replaced("config.json", c))
	}
	for i, c := range changed(metrics, 4) {
		spoil(fmt.Sprintf("metrics.jsonl, changed %d", i), report, true, replaced("metrics.jsonl", c))
	}
	spoil("a terabyte of metrics.jsonl", []string{report[0]}, false, func(run string) { hole(run, "metrics.jsonl", metrics, 1<<40) })
	for _, name := range []string{"config.json", "metrics.jsonl", "LAST", "LOCK"} {
		affected := map[string][]string{"config.json": {train[0], report[0]}, "metrics.jsonl": {report[0]}, "LAST": {embed[0]}, "LOCK": train}[name]
		spoil(name+" is a pipe", affected, name == "LAST", func(run string) { // LAST is found again
			must.M(os.Remove(filepath.Join(run, name)))
			pipe(run, name)
		})
	}
	spoil("LAST leads out", embed, true, replaced("LAST", []byte("../../../etc\n")))
	steps := must.M1(filepath.Glob(filepath.Join(g.run, "step-*")))
	inSteps := func(change func(step string)) func(string) {
		return func(run string) {
			for _, step := range steps {
				change(filepath.Join(run, filepath.Base(step)))
			}
		}
	}
	spoil("no checkpoint is whole", []string{train[0], embed[0]}, false, inSteps(func(step string) {
		must.M(os.Truncate(filepath.Join(step, "encoders.safetensors"), 100))
	}))
	spoil("tensors that are pipes", []string{train[0], embed[0]}, false, inSteps(func(step string) {
		must.M(os.Remove(filepath.Join(step, "encoders.safetensors")))
		pipe(step, "encoders.safetensors")
	}))
	spoil("a state that is nothing", embed, false, inSteps(func(step string) { put(step, "state.json", []byte("null")) }))
	spoil("a terabyte of state", embed, false, inSteps(func(step string) { hole(step, "state.json", nil, 1<<40) }))
	spoil("a plugin", []string{"train --dir=DIR/run --steps=2 --backend=cpu --plugin="}, true, func(run string) {
		put(run, "evil.so", []byte("not code"))
		put(run, "config.json", withField(config, "engine.plugin", fmt.Sprintf("%q", filepath.Join(run, "evil.so"))))
	})
	for name, files := range map[string][]string{
		"photos": {"a.jpg", "b.jpg"}, "an escape": {"\x1b[2J.jpg"}, "a model of others": {"config.json", "model.safetensors"},
	} {
		for _, args := range []string{"train --dir=DIR/run", "embed DIR/run --data=glyphs", "report DIR/run"} {
			all = append(all, hostileInput{name: "a folder of " + name + ": " + args, args: args, make: func(dir string) {
				for _, file := range files {
					put(filepath.Join(dir, "run"), file, []byte(`{"model_type": "resnet"}`))
				}
			}})
		}
	}
	return all
}

// TestMessagesNameFlagAndField has a value of a run's config.json refused by its flag and its field, one of the command line
// by its flag, and one of a command without such a flag by its field.
func TestMessagesNameFlagAndField(t *testing.T) {
	g := goodFiles(t)
	config := must.M1(os.ReadFile(filepath.Join(g.run, "config.json")))
	put(g.run, "config.json", withField(config, "moco.queue", "3"))
	for args, want := range map[string]string{
		"train --dir=" + g.run:                       "--queue (moco.queue in config.json) is 3, want at least ",
		"train --dir=" + g.run + " --queue=5":        "--queue is 5, want at least ",
		"train --queue=5 --dir=" + t.TempDir():       "--queue is 5, want at least ",
		"eval " + g.encoder + " --knn-temperature=0": "--knn-temperature is 0, want a number above 0",
		"eval " + g.encoder + " --batch=1000000000":  "--batch is 1000000000: so many images of 8 pixels a side take at least 715.3 GiB, and this process may use ",
	} {
		code, stdout, stderr := call(t, strings.Fields(args)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q, want 2 and %q", args, code, stdout, stderr, want)
		}
	}
	put(g.run, "config.json", withField(config, "moco.queue", "30000000000000"))
	if code, _, stderr := call(t, "embed", g.run); code != exitUsage || strings.Contains(stderr, "--queue") || !strings.Contains(stderr, "moco.queue is 30000000000000") {
		t.Errorf("embed: exit code %d, stderr %q, want the field alone: embed has no --queue", code, stderr)
	}
}
