package models_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mocotpu/mocotpu/"

// mayImport lists, for each package under models, its siblings that it may use; tests may use more.
var mayImport = map[string][]string{
	"models/data": {},

	"models/data/picture": {},
	"models/data/files":   {"models/data"},
	"models/data/stream":  {"models/data", "models/data/files", "models/data/picture"},
	"models/data/packed":  {"models/data", "models/data/files", "models/data/picture", "models/data/stream", "models/npy"},

	"models/safetensors": {},
	"models/convert":     {"models/augment", "models/durable", "models/encoder", "models/pickle", "models/resnet", "models/safetensors", "models/torchfile", "xla/mesh"},
	"models/torchfile":   {"models/pickle", "models/safetensors"},
	"models/pickle":      {},
	"models/npy":         {},
	"models/durable":     {},
	"models/checkpoint":  {"models/durable", "models/safetensors"},
	"models/augment":     {},
	"models/resnet":      {},
	"models/sgd":         {},
	"models/moco":        {"models/resnet", "models/sgd", "xla/mesh"},
	"models/features":    {"models/augment", "models/resnet", "xla/mesh"},
	"models/eval":        {},
	"models/classify":    {"models/data", "models/augment", "models/resnet", "models/eval", "models/sgd", "xla/mesh"},
	"models/report":      {"models/augment", "models/data", "models/encoder", "models/eval", "models/pretrain", "xla/mesh"},
	"models/tensorboard": {},
	"models/pretrain":    {"models/data", "models/data/files", "models/data/packed", "models/data/picture", "models/data/stream", "models/augment", "models/resnet", "models/moco", "models/eval", "models/features", "models/safetensors", "models/durable", "models/checkpoint", "xla/mesh"},
	"models/encoder":     {"models/augment", "models/resnet", "models/moco", "models/eval", "models/features", "models/pretrain", "models/safetensors", "models/checkpoint", "xla/mesh"},
	"xla/mesh":           {},
	"xla/hlo":            {"xla/internal/hlopb"},
	"xla/internal/hlopb": {},

	"xla/internal/stablehlo": {},

	"xla/programs": {},
	"xla/aot":      {"xla", "xla/hlo"},
	"tpu":          {"xla"},
	"tpu/plan":     {"tpu", "xla", "xla/aot", "xla/hlo"},
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

func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	seen := map[string]bool{}
	eachImport(t, func(file, path string) {
		folder := filepath.ToSlash(filepath.Dir(file))
		seen[folder] = true
		own, isOurs := strings.CutPrefix(path, module)
		allowed, ruled := mayImport[folder]
		if isOurs && ruled && !slices.Contains(allowed, own) {
			t.Errorf("%s imports %s, which %s may not", file, own, folder)
		}
		if isOurs && strings.HasPrefix(folder, "xla") && strings.HasPrefix(own, "models") {
			t.Errorf("%s imports %s: xla knows nothing of models", file, own)
		}
		if strings.HasPrefix(path, "github.com/gomlx/go-xla") && !strings.HasPrefix(folder, "xla") && !strings.HasPrefix(folder, "tpu") {
			t.Errorf("%s imports %s, which only xla and tpu may: the rest builds without cgo", file, path)
		}
	})
	for folder := range mayImport {
		if !seen[folder] {
			t.Errorf("%s has no Go file: correct the list", folder)
		}
	}
}

func TestPackagesAreQuietLibraries(t *testing.T) {
	eachImport(t, func(file, path string) {
		if (path == "flag" || path == "log") && !strings.HasPrefix(file, "cmd/") {
			t.Errorf("%s imports %s: packages register no flags and print nothing", file, path)
		}
	})
}
