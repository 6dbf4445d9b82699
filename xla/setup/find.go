package setup

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Find returns the plugin of an engine: the first of
//
//   - a plugin in a folder of $PJRT_PLUGIN_LIBRARY_PATH (folders separated by colons);
//   - what Install installed;
//   - a plugin where go-xla's installer puts it: ~/.local/lib/go-xla, /usr/local/lib/go-xla and their subfolders nvidia.
//
// It does not download, and it does not load the plugin: files are checked for the entry point only. Broken links and
// files that are no plugins are skipped, and named in the error. The error matches ErrNotInstalled where nothing was found.
func Find(engine string) (Plugin, error) {
	if !slices.Contains(Engines, engine) {
		return Plugin{}, unknownEngine(engine)
	}
	var skipped []string
	if p, ok := search(engine, filepath.SplitList(os.Getenv("PJRT_PLUGIN_LIBRARY_PATH")), &skipped); ok {
		return p, nil
	}
	p, ok, err := installed(engine)
	if ok {
		return p, nil
	}
	if err != nil {
		skipped = append(skipped, err.Error())
	}
	if p, ok := search(engine, goxlaFolders(), &skipped); ok {
		return p, nil
	}
	note := ""
	if len(skipped) > 0 {
		note = "; passed over: " + strings.Join(skipped, "; ")
	}
	return Plugin{}, fmt.Errorf("setup: engine %s: %w, run `mocotpu setup %s`%s", engine, ErrNotInstalled, engine, note)
}

// search looks for an engine's plugin under the names that go-xla knows.
func search(engine string, folders []string, skipped *[]string) (Plugin, bool) {
	for _, folder := range folders {
		if folder == "" {
			continue
		}
		// cuda has names such as pjrt_c_api_cuda13_plugin.so, cpu such as pjrt_c_api_cpu_v0.100.0_plugin.so.
		for _, pattern := range []string{
			"pjrt_c_api_" + engine + "_plugin.so", "pjrt_c_api_" + engine + "[0-9_]*_plugin.so",
			"pjrt_plugin_" + engine + "*.so", "pjrt-plugin-" + engine + "*.so",
		} {
			paths, _ := filepath.Glob(filepath.Join(folder, pattern))
			for _, path := range paths {
				path, err := filepath.Abs(path)
				if err == nil {
					err = CheckFile(path)
				}
				if err != nil {
					*skipped = append(*skipped, err.Error())
					continue
				}
				return Plugin{Engine: engine, Path: path, Dir: filepath.Dir(path)}, true
			}
		}
	}
	return Plugin{}, false
}

func goxlaFolders() []string {
	var folders []string
	if home, err := os.UserHomeDir(); err == nil {
		lib := filepath.Join(home, ".local", "lib")
		folders = append(folders, lib+"/go-xla", lib+"/go-xla/nvidia", lib+"/gomlx/pjrt")
	}
	return append(folders, "/usr/local/lib/go-xla", "/usr/local/lib/go-xla/nvidia", "/usr/local/lib/gomlx/pjrt")
}

// CheckFile says why a file is no PJRT plugin. It reads the symbols of a regular file and does not load it.
func CheckFile(path string) error {
	if info, err := os.Stat(path); err != nil {
		if link, linkErr := os.Readlink(path); linkErr == nil {
			return fmt.Errorf("%s is a link to %s, which does not exist: remove it", path, link)
		}
		return err
	} else if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file: %w", path, errNotPlugin)
	}
	file, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s is no shared library: %w (%w)", path, errNotPlugin, err)
	}
	defer file.Close()
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("%s: %w (%w)", path, errNotPlugin, err)
	}
	defined := func(s elf.Symbol) bool { return s.Name == "GetPjrtApi" && s.Section != elf.SHN_UNDEF }
	if !slices.ContainsFunc(symbols, defined) {
		return fmt.Errorf("%s does not export GetPjrtApi: %w", path, errNotPlugin)
	}
	return nil
}

func unknownEngine(engine string) error {
	return fmt.Errorf("setup: unknown engine %q, want one of %s", engine, strings.Join(Engines, ", "))
}
