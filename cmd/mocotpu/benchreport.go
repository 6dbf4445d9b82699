package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/mocotpu/mocotpu/models/pretrain"
)

// benchReport is what `bench step` prints.
type benchReport struct {
	Command string          `json:"command"`
	Machine benchMachine    `json:"machine"`
	Engine  benchEngineInfo `json:"engine"`
	Config  pretrain.Config `json:"config"`
	Rows    []benchRow      `json:"rows"`
	// ViewsMS is what the views cost of a step: the fastest with the configuration's views less the fastest with
	// plain ones, on the first number of devices.
	ViewsMS float64 `json:"views_ms"`
	// Torch tells the versions, or what is missing.
	Torch torchAnswer `json:"torch"`
	// Ratio is our images per second with plain views over the best of PyTorch's; 0 without PyTorch.
	Ratio float64 `json:"ratio_to_torch,omitempty"`
}

type benchMachine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	OS    string `json:"os"`
	// Load is the number of runnable processes over the last minute before the start, where Linux tells it. Times
	// taken beside others mean little.
	Load float64 `json:"load"`
}

func newBenchMachine() benchMachine {
	return benchMachine{CPU: cpuModel(), Cores: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH, Load: loadAverage()}
}

type benchEngineInfo struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// benchRow is one program's measurement.
type benchRow struct {
	Program string `json:"program"` // mocotpu or torch
	Variant string `json:"variant"` // the engine, or torch's layout
	Devices int    `json:"devices"`
	Views   string `json:"views"`
	// CompileSeconds include the building of the graph; 0 for torch.
	CompileSeconds  float64 `json:"compile_seconds,omitempty"`
	MinMS           float64 `json:"min_ms"`
	MedianMS        float64 `json:"median_ms"`
	ImagesPerSecond float64 `json:"images_per_second"` // by the median
	// Overhead is the median over that of the first number of devices with the same views; 0 for torch.
	Overhead float64 `json:"overhead,omitempty"`
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

func newBenchReport(c pretrain.Config) *benchReport {
	return &benchReport{
		Machine: newBenchMachine(),
		Engine:  benchEngineInfo{Name: c.Engine.Backend},
		Config:  c,
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

// addTorch takes PyTorch's rows and relates the best to our row with plain views.
func (r *benchReport) addTorch(t torchAnswer, batch int) {
	var ours, best float64
	for _, row := range r.Rows {
		if row.Views == "plain" {
			ours = row.ImagesPerSecond
		}
	}
	for _, v := range t.Variants {
		row := benchRow{Program: "torch", Variant: v.Name, Devices: 1, Views: "plain", Loss: v.Loss}
		row.setTimes(v.MS, batch)
		best = max(best, row.ImagesPerSecond)
		r.Rows = append(r.Rows, row)
	}
	if best > 0 {
		r.Ratio = ours / best
	}
	t.Variants = nil // they are rows now
	r.Torch = t
}

// writeBenchJSON writes the report of a bench command.
func writeBenchJSON(w io.Writer, report any) error {
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

func (r *benchReport) writeTable(w io.Writer) error {
	c := r.Config
	var b strings.Builder
	fmt.Fprintf(&b, "machine: %s, %d cores, %s, load %.1f at the start; %s; command: %s\n",
		r.Machine.CPU, r.Machine.Cores, r.Machine.OS, r.Machine.Load, r.versions(), r.Command)
	fmt.Fprintf(&b, "step: %s of width %d, %s stem, %s head, %s, batch %d of %d px, %d BatchNorm groups, shuffle %t, queue %d\n\n",
		c.Encoder.Arch, c.Encoder.Width, c.Encoder.Stem, c.Encoder.Head, c.Encoder.Precision, c.MoCo.Batch,
		c.Views.ImageSize, c.MoCo.Groups, c.MoCo.Shuffle, c.MoCo.Queue)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "program\tdevices\tviews\tcompile s\tmin ms\tmedian ms\timg/s\toverhead\tMiB/device")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%s %s\t%d\t%s\t%s\t%.1f\t%.1f\t%.1f\t%s\t%s\n", row.Program, row.Variant, row.Devices, row.Views,
			orDash(row.CompileSeconds, "%.1f"), row.MinMS, row.MedianMS, row.ImagesPerSecond,
			orDash(row.Overhead, "%.2fx"), orDash(float64(row.MemoryBytes)/(1<<20), "%.0f"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	first := r.Rows[0]
	fmt.Fprintf(&b, "\nviews %s in the step: %.1f ms, %.0f%% of it, on %d device(s)\n",
		first.Views, r.ViewsMS, 100*r.ViewsMS/first.MinMS, first.Devices)
	if r.Torch.Missing != "" {
		fmt.Fprintf(&b, "PyTorch: left out (%s)\n", r.Torch.Missing)
	} else {
		fmt.Fprintf(&b, "PyTorch: mocotpu does %.2fx the images per second of its best layout (both plain views, mocotpu on %d device(s))\n",
			r.Ratio, first.Devices)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// versions names the engine and PyTorch.
func (r *benchReport) versions() string {
	text := "engine " + r.Engine.Name
	if r.Engine.Version != "" {
		text += ", plugin " + r.Engine.Version
	}
	if r.Torch.Torch != "" {
		text += fmt.Sprintf("; torch %s, torchvision %s on %s, %d threads",
			r.Torch.Torch, r.Torch.Torchvision, r.Torch.Device, r.Torch.Threads)
	}
	return text
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
