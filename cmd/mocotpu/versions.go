package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/setup"
)

// versions names what a run was made with.
func versions(e *xla.Engine) map[string]string {
	v := run.Built()
	v["engine"], v["plugin"] = e.EngineName(), e.PluginVersion()
	return v
}

// writeVersions prints the versions of the program, of what it is built on, and of the plugins installed, which it does
// not load.
func writeVersions(out io.Writer) error {
	v := run.Built()
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, name := range []string{"mocotpu", "revision", "gomlx", "compute", "go-xla", "go", "jpeg"} {
		fmt.Fprintf(table, "%s\t%s\n", name, cmp.Or(v[name], "unknown"))
	}
	for _, engine := range setup.Engines {
		p, err := setup.Find(engine)
		switch {
		case errors.Is(err, setup.ErrNotInstalled):
			fmt.Fprintf(table, "%s plugin\tnot installed\n", engine)
		case err != nil:
			return err
		case p.Version == "":
			fmt.Fprintf(table, "%s plugin\t%s\n", engine, p.Path)
		default:
			fmt.Fprintf(table, "%s plugin\t%s\n", engine, p.Version)
		}
	}
	return table.Flush()
}
