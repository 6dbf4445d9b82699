package models_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Budgets of lines.
const (
	fileBudget     = 400 // a Go file that no program wrote
	readmeBudget   = 150
	cmdBudget      = 2600 // cmd/mocotpu without its tests: flags, calls, printing
	internalBudget = 2050 // cmd/internal without its tests, or what leaves cmd/mocotpu for its budget's sake would go there
)

// goFiles calls see with every Go file of the module that no program wrote, by its path from the root.
func goFiles(t *testing.T, see func(name string, source []byte)) {
	t.Helper()
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if base := entry.Name(); name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || name == "bin") {
				return fs.SkipDir
			}
			return nil
		case path.Ext(name) != ".go":
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err == nil && !generated.Match(source) {
			see(name, source)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// generated is what Go's tools know a file by that a program wrote.
var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// unfinished marks what somebody put off.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X:)`)

func TestLines(t *testing.T) {
	command, internal := 0, 0
	goFiles(t, func(name string, source []byte) {
		n := bytes.Count(source, []byte("\n"))
		if n > fileBudget {
			t.Errorf("%s: %d lines, want at most %d: one idea in each file", name, n, fileBudget)
		}
		switch {
		case strings.HasSuffix(name, "_test.go"):
		case path.Dir(name) == "cmd/mocotpu":
			command += n
		case strings.HasPrefix(name, "cmd/internal/"):
			internal += n
		}
		if at := unfinished.Find(source); at != nil {
			t.Errorf("%s: %s, want it done or in the tracker", name, at)
		}
	})
	if command > cmdBudget {
		t.Errorf("cmd/mocotpu: %d lines, want at most %d: what a program or notebook could call belongs in a package", command, cmdBudget)
	}
	if internal > internalBudget {
		t.Errorf("cmd/internal: %d lines, want at most %d: what a program or notebook could call belongs in a package that it can import", internal, internalBudget)
	}
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(readme, []byte("\n")); n > readmeBudget {
		t.Errorf("README.md: %d lines, want at most %d: the rest belongs in docs", n, readmeBudget)
	}
}

// Every exported identifier says what it is, and packages do nothing when they are imported.
func TestDeclarations(t *testing.T) {
	compiles := map[string]int{}
	goFiles(t, func(name string, source []byte) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, name, source, parser.ParseComments)
		if err != nil {
			t.Error(err)
			return
		}
		for _, d := range f.Decls {
			for _, problem := range problems(d) {
				t.Errorf("%s: %s", files.Position(d.Pos()), problem)
			}
		}
		compiles[name] = bytes.Count(source, []byte(`.Compile("step"`))
	})
	for name, n := range compiles {
		if want := map[string]int{"models/step/step.go": 1}[name]; n != want {
			t.Errorf("%s compiles the step in %d places, want %d: package step does it for all", name, n, want)
		}
	}
}

// problems are what is wrong with a declaration at the top of a file.
func problems(d ast.Decl) (all []string) {
	want := func(name *ast.Ident, docs ...*ast.CommentGroup) {
		for _, doc := range docs {
			if doc.Text() != "" {
				return
			}
		}
		if name.IsExported() {
			all = append(all, fmt.Sprintf("%s has no comment", name.Name))
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.Name == "init" && d.Recv == nil {
			all = append(all, "an init function: packages do nothing when they are imported")
		}
		if d.Recv == nil || receiver(d).IsExported() && !conventional[d.Name.Name] {
			want(d.Name, d.Doc)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				want(spec.Name, spec.Doc, d.Doc)
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					want(name, spec.Doc, spec.Comment, d.Doc)
				}
			}
		}
	}
	return all
}

// conventional methods are what their interfaces say.
var conventional = map[string]bool{"Error": true, "Unwrap": true, "Is": true, "String": true, "MarshalJSON": true, "UnmarshalJSON": true}

// receiver is the type that a method belongs to.
func receiver(d *ast.FuncDecl) *ast.Ident {
	t := d.Recv.List[0].Type
	for {
		switch inner := t.(type) {
		case *ast.StarExpr:
			t = inner.X
		case *ast.IndexExpr:
			t = inner.X
		case *ast.Ident:
			return inner
		default:
			return ast.NewIdent("_")
		}
	}
}

// The rules see what they forbid.
func TestProblems(t *testing.T) {
	const source = `package p
func init() {}
func Bare() {}
// Said is said.
func Said() {}
type Loose struct{}
func (*Loose) Method() {}
func (*Loose) Error() string { return "" }
func (hidden) Method() {}
const (
	A = 1 // said
	B = 2
)`
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range f.Decls {
		got = append(got, problems(d)...)
	}
	want := []string{
		"an init function: packages do nothing when they are imported",
		"Bare has no comment", "Loose has no comment", "Method has no comment", "B has no comment",
	}
	if !slices.Equal(got, want) {
		t.Errorf("problems %q, want %q", got, want)
	}
}
