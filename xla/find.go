package xla

import (
	"fmt"
	"os"

	"github.com/mocotpu/mocotpu/xla/setup"
)

// foundPlugin is a plugin's file that is there.
type foundPlugin setup.Plugin

// findPlugin returns the plugin that was asked for, or the installed one.
func findPlugin(name string, o Options) (foundPlugin, error) {
	if o.Plugin != "" {
		if _, err := os.Stat(o.Plugin); err != nil {
			return foundPlugin{}, fmt.Errorf("%w for %s: %w", ErrNoPlugin, name, err)
		}
		return foundPlugin{Engine: name, Path: o.Plugin}, nil
	}
	p, err := setup.Find(name)
	if err != nil {
		return foundPlugin{}, fmt.Errorf("%w: %w", ErrNoPlugin, err)
	}
	return foundPlugin(p), nil
}
