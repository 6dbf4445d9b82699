package main

import (
	"fmt"

	"github.com/mocotpu/mocotpu/tpu/plan"
)

// A card is a GPU of a size of memory.
type card struct{ name, says string }

var cards = []card{
	{"rtx3070", "8 GB (RTX 3070)"}, {"rtx4080", "16 GB (RTX 4080)"}, {"rtx4090", "24 GB (RTX 4090)"}, {"a100-40", "40 GB (A100)"}, {"h100", "80 GB (H100)"},
}

// fitGranule is what batches are multiples of: eight groups exchange with one another.
const fitGranule = 64

// fitSettings are the columns.
var fitSettings = []struct{ precision, remat string }{
	{"float32", "none"}, {"float32", "block"}, {"tf32", "none"}, {"tf32", "block"}, {"bfloat16", "none"}, {"bfloat16", "block"},
}

func fitCommand(target, precision, remat string, batch int) string {
	return fmt.Sprintf("mocotpu compile --preset=moco-v2 --topology=%s --precision=%s --remat=%s --batch=%d", target, precision, remat, batch)
}

// fits says which batch fits a card.
func fits() *record {
	r := &record{
		Title: "Which batch fits which card, computed",
		Text: []string{"The largest batch of `moco-v2` (ResNet-50, 224 pixels, eight BatchNorm groups) that one card takes with three quarters of its memory, which is XLA's default: multiples of 64. " +
			"The papers' batch is 256. `--micro=8` takes an eighth of the activations, and no batch of this table is its limit."},
		Software: "jax-cuda13-pjrt 0.10.2",
		Columns:  []string{"card", "may use, MiB"},
		Notes: []string{
			"Memory grows with the batch along a line, which two batches on an H200 give (nothing is tight there, so XLA computes nothing again). The batch at which the line meets what a card may use was then compiled for that card, and 64 less where it did not fit. A larger one may still fit, after XLA has computed again what it could.",
			"These are upper bounds: cuDNN's scratch memory is not known without a GPU. `--gpu-memory-fraction=0.95` gives a quarter more.",
		},
	}
	for _, s := range fitSettings {
		r.Columns = append(r.Columns, s.precision+map[string]string{"none": "", "block": ", `--remat=block`"}[s.remat])
	}
	r.Commands = []string{
		"mocotpu compile --preset=moco-v2 --topology=CARD --precision=P --remat=R --batch=B",
		"make computed",
	}
	return r
}

func fitRows(c *compiler, r *record) error {
	// peaks are at batches of one and two times the papers'.
	peaks := map[string][2]int64{}
	for _, one := range cards {
		if !c.wanted(one.name) {
			continue
		}
		row := []string{one.says, ""}
		for _, s := range fitSettings {
			line, known := peaks[s.precision+s.remat]
			for i := 0; i < len(line) && !known; i++ {
				p, err := c.compile(fitCommand("h200", s.precision, s.remat, paper*(i+1)))
				if err != nil {
					return err
				}
				line[i] = p.Memory.Peak
			}
			peaks[s.precision+s.remat] = line
			target, err := plan.Lookup(one.name, 0, s.precision, 0)
			if err != nil {
				return err
			}
			row[1] = fmt.Sprintf("%d", target.Usable/mib)
			cell, err := c.fitOn(one.name, s.precision, s.remat, meets(line, target.Usable))
			if err != nil {
				return err
			}
			row = append(row, cell)
		}
		r.put(1, row...)
		if err := c.save(); err != nil {
			return err
		}
	}
	return nil
}

// meets is the batch, a multiple of the granule, up to which a line through the peaks at one and two times the papers' batch stays
// within so many bytes.
func meets(peaks [2]int64, usable int64) int {
	perImage := float64(peaks[1]-peaks[0]) / paper
	batch := paper + float64(usable-peaks[0])/perImage
	return int(batch) / fitGranule * fitGranule
}

// fitOn says which batch fits, from one on downwards.
func (c *compiler) fitOn(target, precision, remat string, batch int) (string, error) {
	for ; batch > 0; batch -= fitGranule {
		p, err := c.compile(fitCommand(target, precision, remat, batch))
		if err != nil {
			return "", err
		}
		if p.Fits {
			text := fmt.Sprint(batch)
			if batch >= paper {
				text = "**" + text + "**"
			}
			return text, nil
		}
	}
	return "none of 64 or more", nil
}
