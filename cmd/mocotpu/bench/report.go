package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Report is what was measured, of any kind.
type Report struct {
	// Command is the caller's: the command line.
	Command string  `json:"command"`
	Machine Machine `json:"machine"`
	// Versions name engine, plugin, this program with its libraries, and the peers.
	Versions map[string]string `json:"versions"`
	// Labels are part of every row's name.
	Labels []Label `json:"labels,omitempty"`
	// Settings are what else all rows have in common.
	Settings []Label `json:"settings"`
	// Source says which images were read, "" for noise.
	Source string `json:"source,omitempty"`
	Rows   []Row  `json:"rows"`
	// Notes are what follows from the rows, a sentence each.
	Notes []string `json:"notes,omitempty"`
}

// Label is one property of a benchmark: arch=resnet18.
type Label struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// label makes one of any value.
func label(key string, value any) Label { return Label{key, fmt.Sprint(value)} }

// Row is one benchmark.
type Row struct {
	// Name is what was timed: Step, Epoch, Feed, ...
	Name   string  `json:"name"`
	Labels []Label `json:"labels"`
	// Images are those of one operation; 0 where it is not of images.
	Images int `json:"images"`
	// Samples are times of an operation, in nanoseconds. Each is the mean of so many Iterations.
	Samples    []float64 `json:"samples_ns,omitempty"`
	Iterations int       `json:"iterations,omitempty"`
	// Values are what else was measured, by unit: one figure of the whole benchmark, in bytes where the unit ends with B
	// and nanoseconds where it ends with ns.
	Values map[string]float64 `json:"values,omitempty"`
	// Losses are those of all steps, the first and warming up included.
	Losses []float64 `json:"losses,omitempty"`
	// Missing says why there are no times.
	Missing string `json:"missing,omitempty"`
}

// Units of Row.Values.
const (
	compileUnit   = "compile-ns" // what the first operation took longer than a later one
	overheadUnit  = "overhead"   // the time over that of the first number of devices
	ratioUnit     = "ratio"      // images per second over the best peer's
	peakUnit      = "peak-B"     // the most memory that the process held, without a loader's workers
	deviceUnit    = "device-B"   // what the step needs on a device, as the program's compiler or allocator reports it
	anonUnit      = "anon-B"     // the process's anonymous memory afterwards
	pixelsUnit    = "MB/s"       // pixels made
	waitUnit      = "wait-ns"    // of an operation: the loop waits for data
	executingUnit = "execute-ns" // of an operation: the devices work
	hostUnit      = "host-ns"    // of an operation: the rest
	cgoUnit       = "cgo-calls"  // of an operation, over all devices; those of the feed included
	buffersUnit   = "buffers"    // of an operation, over all devices: arguments of the program
	inputUnit     = "input-B"    // of an operation: written for its inputs
	cpuUnit       = "cpu-ns"     // of an operation: processor time, of all cores together
	gigaflopsUnit = "Gflop/s"    // of floating-point operations
	bandwidthUnit = "GB/s"       // of memory traffic
	idealUnit     = "ideal-ns"   // the least time that the peaks allow
	shareUnit     = "share-%"    // of the step's time or, where that of a class is not known, of its least time
	reachedUnit   = "reached-%"  // the least time that the peaks allow, of the time
	top1Unit      = "top-1-%"    // accuracy of the neighbours' vote
)

// set notes a value; one that is 0 is unknown.
func (r *Row) set(unit string, value float64) {
	if value == 0 {
		return
	}
	if r.Values == nil {
		r.Values = map[string]float64{}
	}
	r.Values[unit] = value
}

// label is the value of a label, "" without.
func (r Row) label(key string) string {
	for _, l := range r.Labels {
		if l.Key == key {
			return l.Value
		}
	}
	return ""
}

// ns is the time of an operation by which benchmarks are compared: the median of the samples, 0 without any.
func (r Row) ns() float64 {
	sorted := slices.Sorted(slices.Values(r.Samples))
	if len(sorted) == 0 {
		return 0
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// rate is the images per second, 0 without times.
func (r Row) rate() float64 {
	if len(r.Samples) == 0 {
		return 0
	}
	return 1e9 * float64(r.Images) / r.ns()
}

// take fills in what a program measured.
func (r *Row) take(a answer) {
	r.Missing = a.Missing
	if r.Missing == "" && len(a.MS) == 0 {
		r.Missing = "no times"
	}
	if r.Missing != "" {
		return
	}
	r.Samples, r.Iterations = nil, 1
	for _, ms := range a.MS {
		r.Samples = append(r.Samples, math.Round(1e6*ms))
	}
	r.set(compileUnit, max(0, math.Round(1e6*a.FirstMS-r.ns())))
	r.set(peakUnit, float64(a.PeakBytes))
	r.set(deviceUnit, float64(a.DeviceBytes))
	r.Losses = a.Losses
}

// merge makes one sample of all: their mean.
func (r *Row) merge() {
	if len(r.Samples) == 0 {
		return
	}
	sum := 0.
	for _, ns := range r.Samples {
		sum += ns
	}
	r.Iterations *= len(r.Samples)
	r.Samples = []float64{math.Round(sum / float64(len(r.Samples)))}
}

// revisionLen is how much of a revision's hash tells it from others.
const revisionLen = 12

// newReport begins a report, with the versions of this program.
func newReport(built map[string]string) *Report {
	r := &Report{Machine: ThisMachine(), Versions: map[string]string{}}
	maps.Copy(r.Versions, built)
	if revision := built["revision"]; len(revision) > revisionLen { // the end says whether files were changed since
		hash, changes, changed := strings.Cut(revision, "+")
		r.Versions["revision"] = hash[:min(revisionLen, len(hash))]
		if changed {
			r.Versions["revision"] += "+" + changes
		}
	}
	return r
}

// Formats are those that Write knows.
var Formats = []string{"table", "bench", "json"}

// CheckFormat refuses a format that Write does not know.
func CheckFormat(format string) error {
	var check settings.Check
	check.OneOf("bench.format", format, Formats...)
	return check.Err()
}

// Write writes the report in one of the Formats.
func (r *Report) Write(w io.Writer, format string) error {
	switch format {
	case "table":
		return r.writeTable(w)
	case "bench":
		return r.writeBench(w)
	case "json":
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		_, err = fmt.Fprintf(w, "%s\n", text)
		return err
	}
	return CheckFormat(format)
}
