package models_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every package says what it is for, and the map and the page of the architecture name it.
func TestTheMapIsWhole(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	architecture, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	eachImport(t, func(file, _ string) { documented[filepath.ToSlash(filepath.Dir(file))] = false })
	for folder := range documented {
		names, err := filepath.Glob(filepath.Join("..", folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			documented[folder] = documented[folder] || !strings.HasSuffix(name, "_test.go") && f.Doc.Text() != ""
		}
		if !documented[folder] {
			t.Errorf("%s has no package comment", folder)
		}
		if strings.Contains(folder, "internal") || ofTests(folder) {
			continue
		}
		if !strings.Contains(string(architecture), "`"+folder+"`") {
			t.Errorf("docs/architecture.md does not name `%s`: say in which phase it has a part", folder)
		}
		listed := `(?m)^//\t` + folder + ` `
		if leaf, below := strings.CutPrefix(folder, "models/data/"); below {
			listed = `(?s)//\tmodels/data/\.\.\. [^/]*(//\t  [^/]*)*\b` + leaf + `\b`
		}
		if !regexp.MustCompile(listed).Match(text) {
			t.Errorf("models/doc.go does not list %s", folder)
		}
	}
}
