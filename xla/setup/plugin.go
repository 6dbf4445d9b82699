package setup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mocotpu/mocotpu/xla/cpuplugin"
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

// Ready is what is said of a plugin once it is installed: its engine runs, or only compiles.
func (p Plugin) Ready() string {
	what := "engine"
	if p.CompileOnly {
		what = "compiler"
	}
	return fmt.Sprintf("%s %s ready: %s (%s)", p.Engine, what, p.Path, p.Version)
}

// SeveralProcesses reports whether the CPU plugin was built to run programs over several processes.
func (p Plugin) SeveralProcesses() bool {
	return p.Engine == "cpu" && cpuplugin.SeveralProcesses(p.Version)
}

// SeveralProcesses says in a line which engines run programs over several processes, or how they come to it.
func SeveralProcesses() string {
	p, err := Find("cpu")
	switch {
	case err != nil:
		return "the cpu engine, once it is installed"
	case p.SeveralProcesses():
		return "the cpu engine"
	}
	return "the cpu engine, after apt-get install libgloo-dev and mocotpu setup cpu"
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
