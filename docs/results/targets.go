package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/tpu/plan"
)

const (
	mib = 1 << 20
	// paper is the batch of MoCo's papers.
	paper = 256
)

var (
	targetPresets = []string{"cifar10", "moco-v2"}
	targetNames   = []string{"a100x8", "h100x1", "h100x8", "h200x8", "l4x1", "rtx4090x1", "v3-8", "v5e-8"}
)

func targetCommand(preset, target string) string {
	return fmt.Sprintf("mocotpu compile --preset=%s --precision=bfloat16 --topology=%s", preset, target)
}

// targets compares two steps on GPUs and TPUs.
func targets() *record {
	r := &record{
		key:   2,
		Title: "Two steps on GPUs and TPUs, computed",
		Text: []string{"The steps of `cifar10` (ResNet-18, 32 pixels, batch 512) and `moco-v2` (ResNet-50, 224 pixels, batch 256) in bfloat16, the batch divided among the devices. " +
			"What the compilers say of one device, and ideal times from published peaks. Nothing here ran on a GPU or a TPU."},
		Software: "libtpu 0.0.52 and jax-cuda13-pjrt 0.10.2",
		Columns: []string{
			"step", "on", "peak, MiB", "of what a program may use", "kernels", "GFLOP", "GB of memory traffic", "exchanges", "exchanged, MB", "ideal step, ms", "bound by", "img/s at that, all devices",
		},
		Notes: []string{
			"Of GPUs the peak is a lower bound, since nothing is timed without one and cuDNN's scratch memory stays open; the ideal step is the sum of the rooflines of all kernels, and in brackets what it comes to if none took less than the 2 us that starting one is assumed to take. Of TPUs it is the roofline of the whole program.",
			"A real step takes longer. Peaks and bandwidths were written down from memory of the sources that each report names.",
		},
		Commands: []string{},
	}
	for _, preset := range targetPresets {
		r.Commands = append(r.Commands, targetCommand(preset, strings.Join(targetNames, ",")))
	}
	r.Commands = append(r.Commands, "make computed")
	return r
}

func targetRows(c *compiler, r *record) error {
	notes := r.Notes
	for _, preset := range targetPresets {
		for _, name := range targetNames {
			command := targetCommand(preset, name)
			if !c.wanted(command) {
				continue
			}
			p, err := c.compile(command)
			if err != nil {
				return err
			}
			r.put(targetRow(preset, p)...)
			slices.SortStableFunc(r.Rows, func(a, b []cell) int { return targetPlace(a) - targetPlace(b) })
			r.Notes = append(slices.Clip(notes), notComputed(r.Rows)...)
			if err := c.save(); err != nil {
				return err
			}
		}
	}
	return nil
}

// targetPlace is where a row stands: those of a step together, in the order of the targets.
func targetPlace(row []cell) int {
	return len(targetNames)*slices.Index(targetPresets, strings.Trim(row[0].text, "`")) + slices.Index(targetNames, row[1].text)
}

// notComputed says which rows are missing, if any are.
func notComputed(rows [][]cell) []string {
	var missing []string
	for _, preset := range targetPresets {
		for _, name := range targetNames {
			if !slices.ContainsFunc(rows, func(row []cell) bool { return row[0].text == "`"+preset+"`" && row[1].text == name }) {
				missing = append(missing, fmt.Sprintf("`%s` on %s", preset, name))
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return []string{"Not computed yet: " + strings.Join(missing, ", ") + "."}
}

// targetRow is what a plan says, in the columns of targets.
func targetRow(preset string, p *plan.Plan) []string {
	row := []string{"`" + preset + "`", p.Target.Name}
	if !p.Fits {
		says := "does not fit"
		if p.Failure != nil && p.Failure.Needed > 0 {
			says += fmt.Sprintf(": %.0f", float64(p.Failure.Needed)/mib)
		}
		return append(row, says, "", "", "", "", "", "", "", "", "")
	}
	exchanges, exchanged := 0, int64(0)
	for _, e := range p.Collective {
		exchanges, exchanged = exchanges+e.Count, exchanged+e.Bytes
	}
	kernels, step := "", fmt.Sprintf("%.2f", 1e3*p.Time.Step)
	if p.Kernels != nil {
		kernels, step = fmt.Sprint(p.Kernels.Count), fmt.Sprintf("%s (%.2f)", step, 1e3*p.Kernels.Floored)
	}
	return append(row,
		fmt.Sprintf("%.0f", float64(p.Memory.Peak)/mib), fmt.Sprintf("%.0f %%", 100*float64(p.Memory.Peak)/float64(p.Target.Usable)), kernels,
		fmt.Sprintf("%.0f", p.Time.Flops/1e9), fmt.Sprintf("%.1f", p.Time.Bytes/1e9), fmt.Sprint(exchanges), fmt.Sprintf("%.1f", float64(exchanged)/1e6),
		step, p.Time.Bound, fmt.Sprintf("%.0f", p.Time.ImagesPerSecond))
}
