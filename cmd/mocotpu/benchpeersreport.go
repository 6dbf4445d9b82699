package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/mocotpu/mocotpu/models/run"
)

// peersReport is what `bench peers` prints.
type peersReport struct {
	benchHead
	Engine benchEngineInfo `json:"engine"`
	// Mocotpu names what this program was built from, Versions what the peers say of theirs.
	Mocotpu  map[string]string `json:"mocotpu"`
	Versions []string          `json:"versions,omitempty"`
	Config   run.Config        `json:"config"`
	// Source says which images the epoch reads.
	Source string    `json:"source"`
	Rows   []peerRow `json:"rows"`
	// Apart is the largest difference of the steps' losses from the first program's among those of the configuration's
	// precision: of the first step, and of the last that all of them took. Negative where there is one program only.
	ApartFirst float64 `json:"losses_apart_first"`
	ApartLast  float64 `json:"losses_apart_last"`
	LastStep   int     `json:"losses_last_step"`
}

// Programs.
const (
	programOurs  = "mocotpu"
	programTorch = "PyTorch"
	programJAX   = "JAX"
)

// peerRow is one program's measurement, or why there is none.
type peerRow struct {
	What      string `json:"what"` // step or epoch
	Program   string `json:"program"`
	Variant   string `json:"variant,omitempty"`
	Devices   int    `json:"devices,omitempty"`
	Precision string `json:"precision"`
	// CompileSeconds is what the first step took longer than the median of the timed ones.
	CompileSeconds float64 `json:"compile_seconds,omitempty"`
	Steps          int     `json:"steps,omitempty"` // timed
	MinMS          float64 `json:"min_ms,omitempty"`
	MedianMS       float64 `json:"median_ms,omitempty"`
	// StepMS is the time of a step by which programs are compared: the median, of an epoch the mean.
	StepMS          float64 `json:"step_ms,omitempty"`
	ImagesPerSecond float64 `json:"images_per_second,omitempty"`
	// Ratio is the images per second over those of the best peer of the same precision; 0 without one.
	Ratio float64 `json:"ratio,omitempty"`
	// PeakBytes is the most memory that the process held, without a loader's workers; DeviceBytes is what the
	// step needs on a device. 0 is unknown.
	PeakBytes   int64 `json:"peak_bytes,omitempty"`
	DeviceBytes int64 `json:"device_bytes,omitempty"`
	// Losses are those of all steps, the first and warming up included.
	Losses []float64 `json:"losses,omitempty"`
	// Missing says why there is nothing of the above.
	Missing string `json:"missing,omitempty"`
}

// name is the program and its variant.
func (r peerRow) name() string {
	switch {
	case r.Program == programOurs && r.Devices == 1:
		return r.Program + " " + r.Variant + ", 1 device"
	case r.Program == programOurs:
		return fmt.Sprintf("%s %s, %d devices", r.Program, r.Variant, r.Devices)
	case r.Variant == "":
		return r.Program
	}
	return r.Program + " " + r.Variant
}

// add takes a program's answer for a batch.
func (r *peersReport) add(row peerRow, a peerAnswer, batch int) {
	if row.Missing == "" {
		var times benchRow
		times.setTimes(a.MS, batch)
		row.Steps, row.MinMS, row.MedianMS, row.StepMS = len(a.MS), times.MinMS, times.MedianMS, times.MedianMS
		if row.What == whatEpoch {
			row.StepMS = 0
			for _, ms := range a.MS {
				row.StepMS += ms / float64(len(a.MS))
			}
		}
		row.ImagesPerSecond = 1000 * float64(batch) / row.StepMS
		row.CompileSeconds = max(0, (a.FirstMS-row.MedianMS)/1000)
		row.PeakBytes, row.DeviceBytes, row.Losses = a.PeakBytes, a.DeviceBytes, a.Losses
	}
	if a.Versions != "" && !slices.Contains(r.Versions, a.Versions) {
		r.Versions = append(r.Versions, a.Versions)
	}
	r.Rows = append(r.Rows, row)
}

// fastest is the fastest step of a program, or otherwise where there is none.
func (r *peersReport) fastest(program, precision string, otherwise peerRow) peerRow {
	for _, row := range r.Rows {
		if row.What == whatStep && row.Program == program && row.Precision == precision && row.ImagesPerSecond > otherwise.ImagesPerSecond {
			otherwise = row
		}
	}
	return otherwise
}

// kind is what rows are compared within.
type kind struct{ what, precision string }

// best are the fastest peers of each kind.
func (r *peersReport) best() map[kind]peerRow {
	best := map[kind]peerRow{}
	for _, row := range r.Rows {
		k := kind{row.What, row.Precision}
		if row.Program != programOurs && row.ImagesPerSecond > best[k].ImagesPerSecond {
			best[k] = row
		}
	}
	return best
}

// relate fills in what follows from all rows.
func (r *peersReport) relate() {
	best := r.best()
	r.ApartFirst, r.ApartLast = -1, -1
	var losses [][]float64
	for i := range r.Rows {
		row := &r.Rows[i]
		if peer, ok := best[kind{row.What, row.Precision}]; ok {
			row.Ratio = row.ImagesPerSecond / peer.ImagesPerSecond
		}
		if row.What == whatStep && row.Precision == r.Config.Encoder.Precision && len(row.Losses) > 0 {
			losses = append(losses, row.Losses)
		}
	}
	if len(losses) < 2 {
		return
	}
	r.LastStep = len(slices.MinFunc(losses, func(a, b []float64) int { return len(a) - len(b) }))
	r.ApartFirst, r.ApartLast = apart(losses, 0), apart(losses, r.LastStep-1)
}

// apart is the largest difference from the first program's loss of a step.
func apart(losses [][]float64, step int) (most float64) {
	for _, l := range losses[1:] {
		most = max(most, math.Abs(l[step]-losses[0][step]))
	}
	return most
}

func (r *peersReport) writeTable(w io.Writer) error {
	var b strings.Builder
	ours := "mocotpu " + r.Mocotpu["mocotpu"]
	if revision := r.Mocotpu["revision"]; revision != "" {
		ours += ", revision " + revision[:min(12, len(revision))]
	}
	b.WriteString(r.line(append([]string{r.Engine.String(), ours}, r.Versions...)...))
	b.WriteString(stepLine(r.Config))
	fmt.Fprintf(&b, "epoch: views %s, packed set: %s\n\n", r.Config.Views.Preset, r.Source)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\tprogram\tprecision\tcompile s\tms/step\timg/s\tratio\tpeak MiB\tdevice MiB\tloss, first to last")
	for _, what := range []string{whatStep, whatEpoch} {
		for _, row := range r.Rows {
			if row.What == what {
				row.write(t)
			}
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	b.WriteString("\n" + r.conclusions())
	_, err := io.WriteString(w, b.String())
	return err
}

func (r peerRow) write(w io.Writer) {
	if r.Missing != "" {
		fmt.Fprintf(w, "%s\t%s\t%s\t-\t-\t-\t-\t-\t-\t%s\n", r.What, r.name(), r.Precision, r.Missing)
		return
	}
	losses := "-"
	if n := len(r.Losses); n > 0 {
		losses = fmt.Sprintf("%.4f to %.4f in %d", r.Losses[0], r.Losses[n-1], n)
	}
	mebi := func(bytes int64) string { return orDash(float64(bytes)/(1<<20), "%.0f") }
	fmt.Fprintf(w, "%s\t%s\t%s\t%.1f\t%.1f\t%.1f\t%s\t%s\t%s\t%s\n", r.What, r.name(), r.Precision, r.CompileSeconds, r.StepMS,
		r.ImagesPerSecond, orDash(r.Ratio, "%.2f"), mebi(r.PeakBytes), mebi(r.DeviceBytes), losses)
}

// conclusions are a line for each kind of measurement that has both our row and a peer's, and one on the losses.
func (r *peersReport) conclusions() string {
	var b strings.Builder
	best, ours := r.best(), map[kind]peerRow{}
	for _, row := range r.Rows {
		k := kind{row.What, row.Precision}
		if row.Program == programOurs && row.ImagesPerSecond > ours[k].ImagesPerSecond {
			ours[k] = row
		}
	}
	kinds := slices.SortedFunc(maps.Keys(ours), func(a, b kind) int {
		return strings.Compare(b.what+b.precision, a.what+a.precision) // step before epoch, float32 before bfloat16
	})
	for _, k := range kinds {
		peer, ok := best[k]
		if !ok {
			fmt.Fprintf(&b, "%s, %s: no peer ran\n", k.what, k.precision)
			continue
		}
		fmt.Fprintf(&b, "%s, %s: %s does %.2fx the images per second of the best peer, %s\n",
			k.what, k.precision, ours[k].name(), ours[k].Ratio, peer.name())
	}
	if r.ApartFirst >= 0 {
		fmt.Fprintf(&b, "losses of the %s steps: %.1e apart in the first, %.1e in step %d\n",
			r.Config.Encoder.Precision, r.ApartFirst, r.ApartLast, r.LastStep)
	}
	return b.String()
}
