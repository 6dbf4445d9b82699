package xla

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// describeCompiler names the plugin, the devices, the environment that compilers read, and this machine's processor: a
// home folder may be shared between machines that do not have the same instructions.
func (e *Engine) describeCompiler(found foundPlugin) ([]string, error) {
	path, err := filepath.EvalSymlinks(found.Path)
	if err != nil {
		return nil, err
	}
	files, err := libraries(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	processor, err := processor("/proc/cpuinfo")
	if err != nil {
		return nil, err
	}
	compiler := []string{e.name, e.version, e.plugin.environment(), runtime.GOARCH, processor, fmt.Sprint(runtime.NumCPU())}
	devices := e.plugin.devices(e.client)
	if e.name == "cpu" && e.several != nil {
		// These are alike but for their numbers, which differ between processes that may exchange what they compile.
		devices = []string{fmt.Sprintf("%d of %d devices", e.several.local, e.devices)}
	}
	return slices.Concat(compiler, files, devices), nil
}

// libraries describes the shared libraries in a plugin's folder: the plugin, and what came with it.
func libraries(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		if !strings.Contains(entry.Name(), ".so") {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, entry.Name())) // what a link points to
		if err != nil {
			continue // a link to nothing is not loaded
		}
		files = append(files, fmt.Sprintf("%s %d %d", entry.Name(), info.Size(), info.ModTime().UnixNano()))
	}
	return files, nil
}

// processorFields are the lines of /proc/cpuinfo that say which instructions there are, and what a compiler tunes for.
var processorFields = []string{
	"vendor_id", "cpu family", "model", "stepping", "flags", // x86
	"CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features", // ARM
}

// processor describes the first processor in a file like /proc/cpuinfo.
func processor(cpuinfo string) (string, error) {
	text, err := os.ReadFile(cpuinfo)
	if err != nil {
		return "", fmt.Errorf("what this machine's processor can do is not known: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n\n")
	var found []string
	for line := range strings.Lines(first) {
		if name, _, ok := strings.Cut(line, ":"); ok && slices.Contains(processorFields, strings.TrimSpace(name)) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	if len(found) == 0 {
		return "", fmt.Errorf("what this machine's processor can do is not known: %s does not say", cpuinfo)
	}
	return strings.Join(found, "\n"), nil
}

// compilerVariables are the environment variables that change what a compiler does, or begin the names of such.
var compilerVariables = append([]string{"XLA_", "TF_XLA_", "LIBTPU_", "NVIDIA_TF32_OVERRIDE="}, cpuVariables...)

// cpuVariables are those of them that only the CPU engine's compiler reads.
var cpuVariables = []string{"TF_ENABLE_ONEDNN_OPTS=", "MOCOTPU_CPU_CONVOLUTIONS=", threadsVariable + "="}

// maxFlags bounds a file of flags, in bytes.
const maxFlags = 1 << 20

// compilerEnvironment is the environment as far as compilers read it, with the file of flags that XLA_FLAGS may name.
func compilerEnvironment() string {
	var found []string
	for _, v := range os.Environ() {
		if slices.ContainsFunc(compilerVariables, func(name string) bool { return strings.HasPrefix(v, name) }) {
			found = append(found, v)
		}
	}
	slices.Sort(found)
	if file, err := regular.ReadFile(os.Getenv("XLA_FLAGS"), maxFlags); err == nil {
		found = append(found, string(file))
	}
	return strings.Join(found, "\n")
}
