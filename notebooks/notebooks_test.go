// Package notebooks_test runs the notebooks as a reader would: top to bottom, in Jupyter's client with the GoNB kernel.
package notebooks_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// cell is what a test looks at in a notebook.
type cell struct {
	CellType       string   `json:"cell_type"`
	ExecutionCount *int     `json:"execution_count"`
	Source         []string `json:"source"`
	Outputs        []struct {
		OutputType string              `json:"output_type"`
		Name       string              `json:"name"`
		Text       []string            `json:"text"`
		Data       map[string][]string `json:"data"`
	} `json:"outputs"`
}

func read(t *testing.T, name string) []cell {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var notebook struct {
		Cells    []cell `json:"cells"`
		Metadata struct {
			Kernelspec struct{ Name string } `json:"kernelspec"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(text, &notebook); err != nil {
		t.Fatal(err)
	}
	if notebook.Metadata.Kernelspec.Name != "gonb" {
		t.Errorf("%s: kernel %q, want gonb", name, notebook.Metadata.Kernelspec.Name)
	}
	return notebook.Cells
}

// shown is everything that a notebook's cells put out: text and HTML.
func shown(cells []cell) string {
	var all strings.Builder
	for _, c := range cells {
		for _, o := range c.Outputs {
			all.WriteString(strings.Join(o.Text, ""))
			for _, part := range o.Data {
				all.WriteString(strings.Join(part, ""))
			}
		}
	}
	return all.String()
}

// wanted is what each notebook must show.
var wanted = map[string][]string{
	"01_two_views.ipynb":       {"62 classes", "drawn again, the same: true", "epoch 1, view 2", "data:image/png"},
	"02_pretrain_glyphs.ipynb": {"kNN top-1 (k=200): untrained", "metrics.jsonl", "<b>Loss</b>", `class="line"`},
	"03_shuffling_bn.ipynb":    {"own key found", "shuffle false", "8 devices: own key found", "largest difference between 1 and 8 devices"},
	"04_what_it_learned.ipynb": {"linear-fast, lr", "95 % interval", "taken for", "data:image/png"},
	"05_tpu_plan.ipynb":        {"v5e-8", "for v3-8: 8 devices", "all-to-all", "bfloat16"},
}

// check tells whether a notebook was run to its end without an error, and shows what it must.
func check(t *testing.T, path string) {
	t.Helper()
	cells := read(t, path)
	code := 0
	for i, c := range cells {
		if c.CellType != "code" {
			continue
		}
		code++
		if c.ExecutionCount == nil {
			t.Errorf("cell %d was not run", i)
		}
		for _, o := range c.Outputs {
			// A program that fails is no error to Jupyter: GoNB puts its last words on stderr.
			text := strings.Join(o.Text, "")
			if o.OutputType == "error" || o.Name == "stderr" && (strings.Contains(text, "panic") || strings.Contains(text, "exit status")) {
				t.Errorf("cell %d failed: %s", i, text)
			}
		}
	}
	output := shown(cells)
	for _, part := range wanted[filepath.Base(path)] {
		if !strings.Contains(output, part) {
			t.Errorf("its output lacks %q", part)
		}
	}
	if code < 3 {
		t.Errorf("%d cells of code, want 3 at least", code)
	}
}

// The notebooks are committed with the outputs of a whole run.
func TestCommittedOutputs(t *testing.T) {
	names, err := filepath.Glob("*.ipynb")
	if err != nil || len(names) != len(wanted) {
		t.Fatalf("%d notebooks, error %v, want %d", len(names), err, len(wanted))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) { check(t, name) })
	}
}

// shortened is what TestNotebooksRun changes in a notebook, so that it takes seconds: words, and those in their place. The cells
// are the same, on fewer images, for fewer steps, with a smaller encoder. make nightly runs the notebooks as they are.
var shortened = map[string][]string{
	"02_pretrain_glyphs.ipynb": {"c.KNN.Every = 3\n", "c.KNN.Every = 3\n" + fewSteps},
	"03_shuffling_bn.ipynb":    {"shuffle, 2, 140, 0\n", "shuffle, 2, 140, 0\n" + fewSteps, "data.Options{})", "data.Options{N: 256})"},
	"04_what_it_learned.ipynb": {"c.KNN.Every = 3\n", "c.KNN.Every = 3\n" + fewSteps, "[]int{20, 200}, 30", "[]int{20, 200}, 3"},
	"05_tpu_plan.ipynb":        {"run.Glyphs()", "run.GlyphsGo()"},
}

const fewSteps = "\tc.Data.TrainImages, c.Data.TestImages, c.Run.Steps = 2560, 310, 10\n"

// TestNotebooksRun runs the notebooks, shortened, in their order, in a temporary folder that they share, and checks what
// they show.
func TestNotebooksRun(t *testing.T) {
	runAll(t, func(t *testing.T, name string) string {
		root, err := filepath.Abs("..")
		if err != nil {
			t.Fatal(err)
		}
		return shorten(t, name, append(slices.Clone(shortened[name]), "${GONB_DIR}/..", root)) // it lies elsewhere
	})
}

// runAll runs the notebooks that prepare makes of them.
func runAll(t *testing.T, prepare func(t *testing.T, name string) string) {
	temporary := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), name)
			command := execute(t, prepare(t, name), "--output="+out)
			command.Env = append(os.Environ(), "TMPDIR="+temporary, "MOCOTPU_CACHE="+cmp.Or(os.Getenv(xlatest.KeptPrograms), filepath.Join(temporary, "programs")), "GOFLAGS=-ldflags=-s")
			if log, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			check(t, out)
		})
	}
}

// shorten makes a copy of a notebook with words changed, pairwise; each must be there.
func shorten(t *testing.T, name string, words []string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var notebook map[string]any
	if err := json.Unmarshal(text, &notebook); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, c := range notebook["cells"].([]any) {
		c := c.(map[string]any)
		var source strings.Builder
		for _, line := range c["source"].([]any) {
			source.WriteString(line.(string))
		}
		changed := source.String()
		for pair := range slices.Chunk(words, 2) {
			found[pair[0]] = found[pair[0]] || strings.Contains(changed, pair[0])
			changed = strings.ReplaceAll(changed, pair[0], pair[1])
		}
		c["source"] = changed
	}
	for pair := range slices.Chunk(words, 2) {
		if !found[pair[0]] {
			t.Errorf("no %q in it", pair[0])
		}
	}
	if text, err = json.Marshal(notebook); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A cell that does not compile, or whose program fails, ends the run of its notebook with an error.
func TestFailingCell(t *testing.T) {
	for name, cell := range map[string]string{"compile": "%%\nfmt.Println(undefined)", "run": "%%\nos.Exit(3)"} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(map[string]any{
				"nbformat": 4, "nbformat_minor": 5,
				"metadata": map[string]any{"kernelspec": map[string]string{"name": "gonb", "display_name": "Go (gonb)"}},
				"cells": []any{map[string]any{
					"cell_type": "code", "id": "failing", "source": cell, "outputs": []any{},
					"metadata": struct{}{}, "execution_count": nil,
				}},
			})
			if err != nil {
				t.Fatal(err)
			}
			notebook := filepath.Join(t.TempDir(), "failing.ipynb")
			if err := os.WriteFile(notebook, text, 0o644); err != nil {
				t.Fatal(err)
			}
			log, err := execute(t, notebook).CombinedOutput()
			if err == nil || !strings.Contains(string(log), "CellExecutionError") {
				t.Errorf("error %v, want one of the failing cell\n%s", err, log)
			}
		})
	}
}

// execute is the command that runs a notebook in Jupyter's client, without a browser.
func execute(t *testing.T, notebook string, args ...string) *exec.Cmd {
	t.Helper()
	program, err := filepath.Abs("../bin/tools/bin/jupyter-execute")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no bin/tools: make tools")
		}
		t.Skip("no bin/tools: make tools installs Jupyter's client and GoNB")
	}
	args = append(args, "--timeout="+strconv.Itoa(int(cellLimit.Seconds())), notebook)
	return exec.CommandContext(t.Context(), program, args...)
}

// cellLimit is how long a cell may take on a machine that does other things, too.
const cellLimit = 8 * time.Minute
