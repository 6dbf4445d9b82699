package cpuplugin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	// TensorFlowVersion is the version of the tensorflow-cpu wheel that src is written for: XLA's C++ interface
	// changes with every release.
	TensorFlowVersion = "2.21.0"

	// FileName is the name of the file that Build makes: go-xla finds plugins by such names.
	FileName = "pjrt_c_api_cpu_plugin.so"
)

// Libraries are the files of the wheel's tensorflow folder that the plugin loads at run time, from its own folder.
var Libraries = []string{"libtensorflow_cc.so.2", "libtensorflow_framework.so.2"}

// ErrNoCompiler means that g++ is missing.
var ErrNoCompiler = errors.New("g++ not found, install it with `apt-get install g++`")

//go:embed src
var sources embed.FS

// Build compiles the plugin and returns the path of the file, outDir/FileName.
//
// wheelDir is the folder tensorflow of the unpacked wheel: its include folder and Libraries are used. The plugin looks
// for Libraries in its own folder, so that they have to be moved or copied to outDir, which must exist.
// progress, where not nil, is told what happens in words.
//
// It takes about a minute and 1.5 GB of memory. An interrupted Build leaves no file in outDir.
// It fails with ErrNoCompiler where g++ is missing.
func Build(ctx context.Context, wheelDir, outDir string, progress func(string)) (string, error) {
	compiler, err := exec.LookPath("g++")
	if err != nil {
		return "", fmt.Errorf("cpuplugin: %w", ErrNoCompiler)
	}
	for _, name := range append([]string{"include"}, Libraries...) {
		if _, err := os.Stat(filepath.Join(wheelDir, name)); err != nil {
			return "", fmt.Errorf("cpuplugin: %s is not the tensorflow folder of the wheel tensorflow-cpu %s: %w",
				wheelDir, TensorFlowVersion, err)
		}
	}
	work, err := os.MkdirTemp(outDir, ".build-*") // beside the result, so that a rename can put it in place
	if err != nil {
		return "", fmt.Errorf("cpuplugin: %w", err)
	}
	defer os.RemoveAll(work)
	if err := os.CopyFS(work, sources); err != nil {
		return "", fmt.Errorf("cpuplugin: unpack the sources: %w", err)
	}
	if progress != nil {
		progress("compiling the CPU plugin (about a minute)")
	}
	built := filepath.Join(work, FileName)
	if err := compile(ctx, compiler, filepath.Join(work, "src"), wheelDir, built); err != nil {
		return "", fmt.Errorf("cpuplugin: %w", err)
	}
	path := filepath.Join(outDir, FileName)
	if err := os.Rename(built, path); err != nil {
		return "", fmt.Errorf("cpuplugin: %w", err)
	}
	return path, nil
}

// Version tells apart plugins that Build would make differently: the wheel's version and a hash of the sources.
func Version() string {
	h := sha256.New()
	// The file system is in memory and sorted: no errors, one order.
	_ = fs.WalkDir(sources, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := sources.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n%s", path, len(text), text)
		return err
	})
	return fmt.Sprintf("tensorflow-%s-%x", TensorFlowVersion, h.Sum(nil)[:4])
}

func compile(ctx context.Context, compiler, src, wheelDir, out string) error {
	include := filepath.Join(wheelDir, "include")
	args := []string{
		// NDEBUG as in the wheel: without it a struct of XLA's has one field more here than there.
		"-std=c++17", "-O1", "-DNDEBUG", "-fPIC", "-fvisibility=hidden", "-fno-gnu-unique", "-w",
		"-I" + filepath.Join(src, "stub"), // before the wheel's headers: some of them are replaced
		"-I" + src, "-I" + include,
		"-I" + filepath.Join(include, "external/highwayhash"),
		"-I" + filepath.Join(include, "external/farmhash_archive/src"),
		"-shared", filepath.Join(src, "all.cc"), "-o", out,
		"-L" + wheelDir, "-l:" + Libraries[0], "-l:" + Libraries[1],
		"-Wl,-rpath,$ORIGIN",
		"-Wl,-z,nodelete", // go-xla closes it once before it uses it, and XLA's threads do not survive that
		"-Wl,-z,defs",     // a wheel that lacks something fails here and not at run time
	}
	cmd := exec.CommandContext(ctx, compiler, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TMPDIR="+filepath.Dir(out))
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("compile the plugin: %w", ctx.Err())
		}
		return fmt.Errorf("compile the plugin: g++: %w\n%s", err, firstLines(output.String(), 20))
	}
	return nil
}

func firstLines(s string, n int) string {
	lines := strings.SplitAfterN(s, "\n", n+1)
	if len(lines) > n {
		lines = lines[:n]
	}
	return strings.TrimRight(strings.Join(lines, ""), "\n")
}
