package xla

import (
	"fmt"
	"os"

	"github.com/mocotpu/mocotpu/xla/setup"
)

// findPlugin returns the plugin that was asked for, or the installed one.
func findPlugin(name string, o Options) (setup.Plugin, error) {
	if o.Plugin != "" {
		if _, err := os.Stat(o.Plugin); err != nil {
			return setup.Plugin{}, fmt.Errorf("%w for %s: %w", ErrNoPlugin, name, err)
		}
		return setup.Plugin{Engine: name, Path: o.Plugin}, nil
	}
	p, err := setup.Find(name)
	if err != nil {
		return setup.Plugin{}, fmt.Errorf("%w: %w", ErrNoPlugin, err)
	}
	return p, nil
}
