package cpuplugin

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mocotpu/mocotpu/xla/host/child"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/guard"
)

const (
	// TensorFlowVersion is the version of the tensorflow-cpu wheel that src is written for: XLA's C++ interface
	// changes with every release.
	TensorFlowVersion = "2.21.0"

	// OneDNNVersion is the version of the onednn-cpu-gomp wheel, which has oneDNN 3.2; its C interface is that of the
	// headers in the TensorFlow wheel, which are newer.
	OneDNNVersion = "2023.2.0"

	// FileName is the name of the file that Build makes: go-xla finds plugins by such names.
	FileName = "pjrt_c_api_cpu_plugin.so"

	// gxxLimit is how long one run of the compiler may take: two orders more than on two idle cores.
	gxxLimit = time.Hour
)

// Libraries are the files that the plugin loads at run time, from its own folder: of the TensorFlow wheel's folder
// tensorflow, and oneDNN's.
var Libraries = []string{"libtensorflow_cc.so.2", "libtensorflow_framework.so.2", OneDNNLibrary}

// OneDNNLibrary is the file of the oneDNN wheel that is used. It needs libgomp.so.1, which comes with g++.
const OneDNNLibrary = "libdnnl.so.3"

// ErrNoCompiler means that g++ is missing.
var ErrNoCompiler = errors.New("g++ not found, install it with `apt-get install g++`")

//go:embed src
var sources embed.FS

// Compiler returns the path of g++, or ErrNoCompiler.
func Compiler() (string, error) {
	path, err := exec.LookPath("g++")
	if err != nil {
		return "", fmt.Errorf("cpuplugin: %w", ErrNoCompiler)
	}
	return path, nil
}

// Build compiles the plugin and returns the path of the file, outDir/FileName.
//
// wheelDir is the folder tensorflow of the unpacked wheel, with OneDNNLibrary put into it: its include folder and
// Libraries are used. The plugin looks for Libraries in its own folder, so that they have to be moved or copied to
// outDir, which must exist. With gloo, which HasGloo tells, it runs programs over several processes. progress, where not nil, is told what happens in words.
//
// It takes about a minute on two cores, and 2.2 GB of memory. An interrupted Build leaves no file in outDir. The words of
// CXXFLAGS in the environment are given to g++ after its own.
// It fails with ErrNoCompiler where g++ is missing.
func Build(ctx context.Context, wheelDir, outDir string, gloo bool, progress func(string)) (string, error) {
	compiler, err := Compiler()
	if err != nil {
		return "", err
	}
	for _, name := range append([]string{"include"}, Libraries...) {
		if _, err := os.Stat(filepath.Join(wheelDir, name)); err != nil {
			return "", fmt.Errorf("cpuplugin: %s is not the tensorflow folder of the wheel tensorflow-cpu %s with the library of onednn-cpu-gomp %s: %w",
				wheelDir, TensorFlowVersion, OneDNNVersion, err)
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
	if err := compile(ctx, compiler, filepath.Join(work, "src"), wheelDir, built, gloo); err != nil {
		return "", fmt.Errorf("cpuplugin: %w", err)
	}
	path := filepath.Join(outDir, FileName)
	if err := durable.Place(durable.Disk{}, built, path); err != nil {
		return "", fmt.Errorf("cpuplugin: %w", err)
	}
	return path, nil
}

// glooMark ends the version of a plugin that was built with Gloo.
const glooMark = "-gloo"

// SeveralProcesses reports whether a plugin of a version runs programs over several processes.
func SeveralProcesses(version string) bool { return strings.HasSuffix(version, glooMark) }

// HasGloo reports whether Build would build with Gloo: whether g++ finds its headers and its library.
func HasGloo(ctx context.Context) bool {
	compiler, err := Compiler()
	if err != nil {
		return false
	}
	work, err := os.MkdirTemp("", "mocotpu-gloo-*")
	if err != nil {
		return false
	}
	defer os.RemoveAll(work)
	source := filepath.Join(work, "gloo.cc")
	found := "#if !__has_include(\"gloo/rendezvous/context.h\")\n#error no Gloo\n#endif\nint main() {}\n" // compiling it takes seconds
	if err := os.WriteFile(source, []byte(found), 0o600); err != nil {
		return false
	}
	return gxx(ctx, compiler, work, "-std=c++17", "-w", source, "-lgloo", "-o", filepath.Join(work, "gloo")) == nil
}

// Version tells apart plugins that Build would make differently: the wheels' versions, a hash of the sources, and whether
// it is built with Gloo.
func Version(gloo bool) string {
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
	version := fmt.Sprintf("tensorflow-%s-onednn-%s-%x", TensorFlowVersion, OneDNNVersion, h.Sum(nil)[:4])
	if gloo {
		version += glooMark
	}
	return version
}

// compile compiles the translation units side by side and links them.
func compile(ctx context.Context, compiler, src, wheelDir, out string, gloo bool) error {
	include := filepath.Join(wheelDir, "include")
	units := []string{src, filepath.Join(src, "convolution"), filepath.Join(src, "memory")}
	libraries := slices.Clone(Libraries)
	extra := strings.Fields(os.Getenv("CXXFLAGS"))
	if gloo {
		libraries = append(libraries, "libgloo.so")
		extra = append(extra, "-DMOCOTPU_GLOO")
	}
	objects := make([]string, len(units))
	errs := make([]error, len(units))
	var running guard.Group
	for i, unit := range units {
		objects[i] = filepath.Join(filepath.Dir(out), fmt.Sprintf("unit%d.o", i))
		running.Go(func() {
			args := []string{
				// NDEBUG as in the wheel: without it a struct of XLA's has one field more here than there.
				"-std=c++17", "-O1", "-DNDEBUG", "-fPIC", "-fvisibility=hidden", "-fno-gnu-unique", "-w",
				"-I" + filepath.Join(src, "stub"), // before the wheel's headers: some of them are replaced
				"-I" + unit, "-I" + include,
				"-I" + filepath.Join(include, "external/highwayhash"),
				"-I" + filepath.Join(include, "external/farmhash_archive/src"),
				"-I" + filepath.Join(include, "external/onednn/include"),
				"-c", filepath.Join(unit, "all.cc"), "-o", objects[i],
			}
			errs[i] = gxx(ctx, compiler, filepath.Dir(out), append(args, extra...)...)
		})
	}
	running.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	link := slices.Concat([]string{"-shared"}, objects, extra)
	link = append(link, "-o", out, "-L"+wheelDir)
	for _, name := range libraries {
		link = append(link, "-l:"+name)
	}
	return gxx(
		ctx, compiler, filepath.Dir(out), append(
			link, "-lgomp",
			"-Wl,-rpath,$ORIGIN",
			"-Wl,-z,nodelete", // go-xla closes it once before it uses it, and XLA's threads do not survive that
			"-Wl,-z,defs",     // a wheel that lacks something fails here and not at run time
		)...,
	)
}

// gxx runs the compiler; what it says becomes the error.
func gxx(ctx context.Context, compiler, tmp string, args ...string) error {
	_, err := child.Command{
		Args: append([]string{compiler}, args...), Env: []string{"LC_ALL=C", "TMPDIR=" + tmp}, Limit: gxxLimit,
	}.Run(ctx)
	var failed *child.Error
	if errors.As(err, &failed) {
		return fmt.Errorf("compile the plugin: g++: %w\n%s", failed.Err, firstLines(failed.Words, 20))
	}
	if err != nil {
		return fmt.Errorf("compile the plugin: %w", err)
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
