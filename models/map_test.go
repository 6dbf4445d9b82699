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

// Every package says what it is for, and the map names it.
func TestTheMapIsWhole(t *testing.T) {
	text, err := os.ReadFile("doc.go")
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
		if strings.Contains(folder, "internal") || strings.HasSuffix(folder, "test") {
			continue
		}
		listed := folder
		if strings.HasPrefix(folder, "models/data/") {
			listed = `models/data/\.\.\.`
		}
		if !regexp.MustCompile(`(?m)^//\t` + listed + ` `).Match(text) {
			t.Errorf("models/doc.go does not list %s", folder)
		}
	}
}
