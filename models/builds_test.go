package models_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// listed is a package as go list describes it for a system.
type listed struct {
	ImportPath, Dir string
	GoFiles         []string
	ImportMap       map[string]string
}

// TestTypesElsewhere: the types of all packages and of all that they import are right on the systems that the command is
// built for without cgo, and those of the tests on this one. To compile them takes twenty times as long: see make cross.
func TestTypesElsewhere(t *testing.T) {
	for _, test := range []struct{ system, architecture, list string }{
		{"linux", "amd64", "-test"},
		{"linux", "arm64", "-test=false"},
		{"darwin", "arm64", "-test=false"},
		{"windows", "amd64", "-test=false"},
	} {
		t.Run(test.system+"/"+test.architecture, func(t *testing.T) {
			t.Parallel()
			list := exec.CommandContext(t.Context(), "go", "list", "-deps", test.list,
				"-json=ImportPath,Dir,GoFiles,ImportMap", "./models/...", "./xla", "./cmd/mocotpu")
			list.Dir = ".."
			list.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+test.system, "GOARCH="+test.architecture)
			list.Stderr = os.Stderr
			packages := json.NewDecoder(strings.NewReader(string(must.M1(list.Output()))))
			checked := elsewhere{"unsafe": types.Unsafe}
			sizes := types.SizesFor("gc", test.architecture)
			for {
				var p listed
				err := packages.Decode(&p)
				if errors.Is(err, io.EOF) {
					break
				}
				must.M(err)
				if p.ImportPath == "unsafe" || strings.HasSuffix(p.ImportPath, ".test") { // made when tests are built
					continue
				}
				if err := checked.check(p, sizes); err != nil {
					t.Fatal(err)
				}
			}
			if len(checked) < 300 {
				t.Errorf("%d packages, want some hundreds", len(checked))
			}
		})
	}
}

// elsewhere holds the types of packages by their paths.
type elsewhere map[string]*types.Package

// imports finds the packages that one of them imports.
type imports struct {
	elsewhere
	renamed map[string]string
}

func (i imports) Import(path string) (*types.Package, error) {
	if renamed, ok := i.renamed[path]; ok {
		path = renamed
	}
	p, ok := i.elsewhere[path]
	if !ok {
		return nil, errors.New("not listed before: " + path)
	}
	return p, nil
}

// check finds the types of a package whose imports have theirs; function bodies only of our own.
func (e elsewhere) check(p listed, sizes types.Sizes) error {
	files := token.NewFileSet()
	var parsed []*ast.File
	for _, name := range p.GoFiles {
		if !filepath.IsAbs(name) {
			name = filepath.Join(p.Dir, name)
		}
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		parsed = append(parsed, file)
	}
	path, _, _ := strings.Cut(p.ImportPath, " ")
	config := types.Config{
		Importer: imports{e, p.ImportMap}, Sizes: sizes,
		IgnoreFuncBodies: !strings.HasPrefix(path, strings.TrimSuffix(module, "/")),
	}
	var err error
	e[p.ImportPath], err = config.Check(path, files, parsed, nil)
	return err
}
