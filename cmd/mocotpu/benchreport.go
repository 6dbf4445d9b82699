package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/mocotpu/mocotpu/models/run"
)

// benchReport is what `bench step` prints.
type benchReport struct {
	benchHead
	Engine benchEngineInfo `json:"engine"`
	Config run.Config      `json:"config"`
	Rows   []benchRow      `json:"rows"`
	// ViewsMS is what the views cost of a step: the fastest with the configuration's views less the fastest with
	// plain ones, on the first number of devices.
	ViewsMS float64 `json:"views_ms"`
}

type benchMachine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	OS    string `json:"os"`
	// Load is the number of runnable processes over the last minute before the start, where Linux tells it. Times
	// taken beside others mean little.
	Load float64 `json:"load"`
}

func newBenchHead() benchHead {
	return benchHead{Machine: benchMachine{
		CPU: cpuModel(), Cores: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH, Load: loadAverage(),
	}}
}

type benchEngineInfo struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Devices int    `json:"devices,omitempty"` // that it has; 0 where nobody asked
}

func (e benchEngineInfo) String() string {
	if e.Version == "" {
		return "engine " + e.Name
	}
	return "engine " + e.Name + ", plugin " + e.Version
}

// benchRow is one program's measurement.
type benchRow struct {
	Program string `json:"program"` // mocotpu
	Variant string `json:"variant"` // the engine
	Devices int    `json:"devices"`
	Views   string `json:"views"`
	// CompileSeconds include the building of the graph.
	CompileSeconds  float64 `json:"compile_seconds"`
	MinMS           float64 `json:"min_ms"`
	MedianMS        float64 `json:"median_ms"`
	ImagesPerSecond float64 `json:"images_per_second"` // by the median
	// Overhead is the median over that of the first number of devices with the same views.
	Overhead float64 `json:"overhead"`
	// MemoryBytes is what a device holds during the step: arguments, results and temporaries; 0 is unknown.
	MemoryBytes int64 `json:"memory_bytes,omitempty"`
	// Loss of the first step.
	Loss float64 `json:"loss"`
}

// setTimes fills in what follows from the steps' milliseconds, of which there is at least one.
func (r *benchRow) setTimes(ms []float64, batch int) {
	sorted := slices.Sorted(slices.Values(ms))
	n := len(sorted)
	r.MinMS = sorted[0]
	r.MedianMS = (sorted[(n-1)/2] + sorted[n/2]) / 2
	r.ImagesPerSecond = 1000 * float64(batch) / r.MedianMS
}

func newBenchReport(c run.Config) *benchReport {
	return &benchReport{
		benchHead: newBenchHead(),
		Engine:    benchEngineInfo{Name: c.Engine.Backend},
		Config:    c,
	}
}

// add takes a row of ours and relates it to the first.
func (r *benchReport) add(row benchRow) {
	row.Overhead = 1
	if len(r.Rows) > 0 {
		first := r.Rows[0]
		if row.Views == first.Views {
			row.Overhead = row.MedianMS / first.MedianMS
		} else {
			r.ViewsMS = first.MinMS - row.MinMS
		}
	}
	r.Rows = append(r.Rows, row)
}

func (r *benchReport) writeTable(w io.Writer) error {
	var b strings.Builder
	b.WriteString(r.line(r.Engine.String()))
	b.WriteString(stepLine(r.Config) + "\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "program\tdevices\tviews\tcompile s\tmin ms\tmedian ms\timg/s\toverhead\tMiB/device")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%s %s\t%d\t%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.2fx\t%s\n", row.Program, row.Variant, row.Devices, row.Views,
			row.CompileSeconds, row.MinMS, row.MedianMS, row.ImagesPerSecond, row.Overhead, orDash(float64(row.MemoryBytes)/(1<<20), "%.0f"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	first := r.Rows[0]
	fmt.Fprintf(&b, "\nviews %s in the step: %.1f ms, %.0f%% of it, on %d device(s)\n",
		first.Views, r.ViewsMS, 100*r.ViewsMS/first.MinMS, first.Devices)
	_, err := io.WriteString(w, b.String())
	return err
}

// stepLine says which step was timed.
func stepLine(c run.Config) string {
	return fmt.Sprintf("step: %s of width %d, %s stem, %s head, %s, batch %d of %d px, %d BatchNorm groups, shuffle %t, queue %d\n",
		c.Encoder.Arch, c.Encoder.Width, c.Encoder.Stem, c.Encoder.Head, c.Encoder.Precision, c.MoCo.Batch,
		c.Views.ImageSize, c.MoCo.Groups, c.MoCo.Shuffle, c.MoCo.Queue)
}

// orDash prints a number, and a dash for 0.
func orDash(v float64, format string) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

// cpuModel is the processor's name, as Linux tells it, or the architecture.
func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// loadAverage is Linux's load average of the last minute, 0 elsewhere.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var load float64
	if _, err := fmt.Sscan(string(text), &load); err != nil {
		return 0
	}
	return load
}
