package models_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mocotpu/mocotpu/"

// A rule says which packages may not import which, and why. A pattern is a folder, a folder with all below it
// ("xla/..."), or what [path.Match] takes.
type rule struct {
	importers, imports []string
	except             []string // of imports
	why                string
}

var rules = []rule{
	{
		[]string{"models/encoder", "models/judge", "models/doctor", "models/convert", "models/report", "models/run/...", "models/step", "models/bank", "models/selftest"},
		[]string{"models/train"},
		nil,
		"who reads a run or an encoder, or takes single steps, needs no training loop",
	},
	{
		[]string{"models/run/..."},
		[]string{"models/encoder", "models/judge", "models/report"},
		nil,
		"a run's files know nothing of those who read them",
	},
	{
		[]string{"models/data/...", "models/augment", "models/resnet", "models/moco", "models/format/...", "xla/...", "tpu/..."},
		[]string{"models/run/...", "models/train"},
		nil,
		"what a run is made of knows no runs",
	},
	{
		[]string{"xla/...", "tpu/..."},
		[]string{"models/..."},
		nil,
		"engines and topologies run any program, not only MoCo's",
	},
	{
		[]string{"xla/...", "models/..."},
		[]string{"tpu/..."},
		nil,
		"planning stands above what it plans",
	},
	{
		[]string{"models/..."},
		[]string{"xla/..."},
		[]string{"xla/mesh", "xla/engine", "xla/host/..."},
		"models build without cgo, and run on any GoMLX backend",
	},
	{
		[]string{"models/..."},
		[]string{"github.com/gomlx/go-xla/..."},
		nil,
		"models build without cgo",
	},
	{
		[]string{"models/format/...", "xla/host/..."},
		[]string{"models/...", "xla/..."},
		[]string{"models/format/...", "xla/host/..."},
		"a file format, and what the host gives a process, are of use without the rest",
	},
	{
		[]string{"models/augment", "models/resnet"},
		[]string{"models/data/...", "models/moco"},
		nil,
		"graph code takes tensors, wherever they come from",
	},
	{
		[]string{"models/moco"},
		[]string{"models/augment", "models/data/..."},
		nil,
		"the algorithm takes any views of any images",
	},
	{
		[]string{"models/...", "xla/...", "tpu/...", "notebooks/..."},
		[]string{"cmd/..."},
		nil,
		"the command calls the library",
	},
	{
		[]string{"models/...", "xla/...", "tpu/...", "notebooks/..."},
		[]string{"flag", "log", "github.com/spf13/..."},
		nil,
		"a library registers no flags and prints nothing",
	},
	{
		[]string{"cmd/machine", "cmd/internal/terminal", "cmd/mocotpu/bench"},
		[]string{"flag", "log", "github.com/spf13/..."},
		nil,
		"flags are read in the command and runflags, and what they call takes values",
	},
	{
		[]string{"cmd/mocotpu/...", "cmd/machine", "notebooks/..."},
		[]string{"github.com/schollz/...", "golang.org/x/term"},
		nil,
		"one package draws on terminals, where names from files are quoted",
	},
}

// match tells whether an import path, or a folder of this module, is one of the patterns.
func match(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if below, all := strings.CutSuffix(pattern, "/..."); all {
			return name == below || strings.HasPrefix(name, below+"/")
		}
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// eachImport calls see for every import of every Go file that is not a test.
func eachImport(t *testing.T, see func(file, path string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." || entry.Name() == "testdata" || name == filepath.Join("..", "bin")) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			see(strings.TrimPrefix(filepath.ToSlash(name), "../"), strings.Trim(i.Path.Value, `"`))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ofTests tells whether a folder is a package of tests, such as xla/xlatest.
func ofTests(folder string) bool {
	return strings.HasSuffix(folder, "test") && folder != "models/selftest"
}

// checker holds imports to rules.
type checker struct {
	rules []rule
	used  []bool // the rules that are about some package
}

// forbids says which rules forbid a file's import, and why.
func (c *checker) forbids(file, imported string) (problems []string) {
	folder, imported := path.Dir(file), strings.TrimPrefix(imported, module)
	if ofTests(folder) {
		return nil
	}
	for i, r := range c.rules {
		if !match(r.importers, folder) {
			continue
		}
		c.used[i] = true
		if match(r.imports, imported) && !match(r.except, imported) && imported != folder {
			problems = append(problems, file+" imports "+imported+": "+r.why)
		}
	}
	return problems
}

func TestImportRules(t *testing.T) {
	c := checker{rules, make([]bool, len(rules))}
	eachImport(t, func(file, imported string) {
		for _, problem := range c.forbids(file, imported) {
			t.Error(problem)
		}
	})
	for i, r := range rules {
		if !c.used[i] {
			t.Errorf("no package is one of %v: correct the rule", r.importers)
		}
	}
}

// The rules see what they forbid.
func TestForbidden(t *testing.T) {
	made := []rule{
		{[]string{"a/..."}, []string{"b/...", "log"}, []string{"b/free"}, "a is below"},
		{[]string{"a"}, []string{"b"}, nil, "a is alone"},
		{[]string{"c"}, []string{"a"}, nil, "nobody is c"},
	}
	c := checker{made, make([]bool, len(made))}
	var got []string
	for _, i := range [][2]string{
		{"a/a.go", module + "b"},
		{"a/deep/a.go", module + "b/deep"},
		{"a/deep/a.go", "log"},
		{"a/a.go", module + "b/free"},
		{"a/a.go", module + "bb"},
		{"a/a.go", "log/slog"},
		{"ab/a.go", module + "b"},
		{"a/atest/a.go", module + "b"},
		{"b/b.go", module + "a"},
		{"b/b.go", module + "b/deep"},
	} {
		got = append(got, c.forbids(i[0], i[1])...)
	}
	want := []string{
		"a/a.go imports b: a is below", "a/a.go imports b: a is alone", "a/deep/a.go imports b/deep: a is below", "a/deep/a.go imports log: a is below",
	}
	if !slices.Equal(got, want) || !slices.Equal(c.used, []bool{true, true, false}) {
		t.Errorf("problems %q of rules %v, want %q of all but the last", got, c.used, want)
	}
	c = checker{rules, make([]bool, len(rules))}
	for _, i := range [][2]string{
		{"models/bank/a.go", "models/train"},
		{"models/selftest/a.go", "models/train"},
		{"models/run/checkpoint/a.go", "models/encoder"},
		{"models/run/a.go", "models/judge"},
		{"models/run/a.go", "models/report"},
	} {
		if problems := c.forbids(i[0], module+i[1]); len(problems) != 1 {
			t.Errorf("%s imports %s: problems %q, want one", i[0], i[1], problems)
		}
	}
}
