package setup

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Row is what Doctor found for one engine.
type Row struct {
	Engine  string
	Status  string // found, missing, idle: found, but the machine has no such device, compiles: installed to compile only, or broken: it could not be opened
	Version string
	Devices string // "" where they were not counted
	Get     string // how to get it, or what is wrong with it; "" where there is nothing to do
}

// Usable reports whether the engine can train.
func (r Row) Usable() bool { return r.Status == "found" }

// ErrNoDevice is what a Probe returns where the machine has no device for an engine that is installed.
var ErrNoDevice = errors.New("no such device")

// Probe opens an engine and returns the number of its devices and its version. libtpu, where there is no TPU, aborts
// the process or waits for a metadata server for minutes: open engines in child processes, with a time limit.
type Probe func(engine string) (devices int, version string, err error)

// Doctor returns one row for each of go, cpu, cuda and tpu. Engines that are found are opened with probe where it is
// not nil; it installs and downloads nothing.
func Doctor(probe Probe) []Row {
	rows := []Row{{Engine: "go", Status: "found", Version: "built in", Devices: "1"}}
	if probe != nil {
		rows[0].open(probe)
	}
	for _, engine := range Engines {
		row := Row{Engine: engine}
		p, err := Find(engine)
		switch {
		case err == nil && p.CompileOnly:
			row.Status, row.Version, row.Get = "compiles", p.Version, "mocotpu setup "+engine+" (installed to compile only)"
		case err == nil:
			row.Status, row.Version = "found", p.Version
			if row.Version == "" {
				row.Version = p.Path
			}
			if probe != nil {
				row.open(probe)
			}
		case errors.Is(err, ErrNotInstalled):
			row.Status, row.Get = "missing", "mocotpu setup "+engine
			if _, note, ok := strings.Cut(err.Error(), "; "); ok {
				row.Get += " (" + note + ")"
			}
		default:
			row.Status, row.Get = "broken", err.Error()
		}
		rows = append(rows, row)
	}
	return rows
}

func (r *Row) open(probe Probe) {
	devices, version, err := probe(r.Engine)
	if err != nil {
		r.Status, r.Get = "broken", firstLine(err.Error())
		if errors.Is(err, ErrNoDevice) {
			r.Status = "idle"
		}
		return
	}
	r.Devices = strconv.Itoa(devices)
	if version != "" {
		r.Version = version
	}
}

// WriteTable writes the rows as an aligned table with a heading.
func WriteTable(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ENGINE\tSTATUS\tDEVICES\tVERSION\tHOW TO GET IT")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", r.Engine, r.Status, orDash(r.Devices), orDash(r.Version), orDash(r.Get))
	}
	return t.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
