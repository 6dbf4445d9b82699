package models_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// opensItself are the files that open others otherwise than by xla/host/regular, and what they open: nothing that a
// stranger put there.
var opensItself = map[string]string{
	"cmd/mocotpu/bench/machine.go":  "files of /proc",
	"cmd/mocotpu/bench/start.go":    "a file of its own temporary folder",
	"docs/results/compute.go":       "this repository's own",
	"docs/results/page.go":          "this repository's own",
	"docs/results/record.go":        "this repository's own",
	"models/convert/onnx.go":        "what it has just written",
	"models/convert/stablehlo.go":   "what it has just written",
	"xla/compiler.go":               "files of /proc",
	"xla/hardware.go":               "files of /sys",
	"xla/host/durable/sync_unix.go": "a folder",
	"xla/host/regular/regular.go":   "it is the door",
	"xla/setup/disk.go":             "its own lock",
	"xla/setup/prebuilt.go":         "a file that must not be there",
	"xla/setup/wheel.go":            "what pip has just downloaded",
}

// TestFilesAreOpenedRegularly has every file opened by xla/host/regular, which neither waits for a pipe nor reads a
// device, but for those that no stranger has put there.
func TestFilesAreOpenedRegularly(t *testing.T) {
	opens := map[string][]string{"os": {"Open", "OpenFile", "ReadFile", "Create"}, "zip": {"OpenReader"}}
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file := strings.TrimPrefix(filepath.ToSlash(name), "../")
		if strings.HasPrefix(file, "bin/") || strings.Contains(file, "/testdata/") || ofTests(filepath.ToSlash(filepath.Dir(file))) {
			return nil
		}
		tree, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if of, ok := s.X.(*ast.Ident); ok && slices.Contains(opens[of.Name], s.Sel.Name) {
					found[file] = true
					if opensItself[file] == "" {
						t.Errorf("%s calls %s.%s: open by xla/host/regular, or say here why not", file, of.Name, s.Sel.Name)
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for file := range opensItself {
		if !found[file] {
			t.Errorf("%s opens nothing by itself: take it off the list", file)
		}
	}
}
