package setup

import (
	"errors"
	"os"
	"path/filepath"
)

// Engines are the engines that have a plugin. The fourth, go, is part of the program.
var Engines = []string{"cpu", "cuda", "tpu"}

var (
	// ErrNotInstalled means that no plugin of an engine was found; the error's text has the command that gets it.
	ErrNotInstalled = errors.New("plugin not installed")

	// errNotPlugin means that a file is not a PJRT plugin that this machine can load.
	errNotPlugin = errors.New("not a PJRT plugin")
)

// Plugin is a PJRT plugin on this machine.
type Plugin struct {
	Engine  string // cpu, cuda or tpu
	Path    string // the plugin's file, absolute
	Version string // what was installed; "" for a plugin that was found elsewhere
	Dir     string // the folder of Path
	// CompileOnly says that it compiles for devices that need not be there and runs nothing, see Options.CompileOnly.
	CompileOnly bool
}

// root returns the folder under which everything is installed: $MOCOTPU_HOME, else $XDG_DATA_HOME/mocotpu, else
// ~/.local/share/mocotpu.
func root() (string, error) {
	if dir := os.Getenv("MOCOTPU_HOME"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "mocotpu"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("setup: no home folder to install in, set MOCOTPU_HOME to a folder")
	}
	return filepath.Join(home, ".local", "share", "mocotpu"), nil
}

func engineDir(engine string) (string, error) {
	root, err := root()
	return filepath.Join(root, "plugins", engine), err
}
