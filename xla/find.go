package xla

import (
	"fmt"

	"github.com/mocotpu/mocotpu/xla/setup"
)

// foundPlugin is a plugin's file that is there.
type foundPlugin setup.Plugin

// findPlugin returns the plugin that was asked for, or the installed one.
func findPlugin(name string, o Options) (foundPlugin, error) {
	if o.Plugin != "" {
		if err := setup.CheckFile(o.Plugin); err != nil { // to load a pipe waits forever
			return foundPlugin{}, fmt.Errorf("%w for %s: %w: --plugin takes the path of a PJRT plugin, without it the installed one is used", ErrNoPlugin, name, err)
		}
		return foundPlugin{Engine: name, Path: o.Plugin}, nil
	}
	p, err := setup.Find(name)
	if err != nil {
		return foundPlugin{}, fmt.Errorf("%w: %w", ErrNoPlugin, err)
	}
	return foundPlugin(p), nil
}
