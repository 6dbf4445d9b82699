package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/tpu/plan"
)

// A card is a GPU with a given memory. Its ruler is the GPU of the same generation with the most memory, on which memory per
// image is measured: XLA makes much the same program for both, and recomputes nothing on the ruler.
type card struct{ name, says, ruler string }

var cards = []card{
	{"rtx3070", "8 GB (RTX 3070)", "a100"},
	{"rtx4080", "16 GB (RTX 4080)", "l40s"},
	{"rtx4090", "24 GB (RTX 4090)", "l40s"},
	{"a100-40", "40 GB (A100)", "a100"},
	{"a100", "80 GB (A100)", "a100"},
}

// rulerBatch is the smaller of the two batches that are measured on a ruler; the other is twice as large.
var rulerBatch = map[string]int{"a100": paper, "l40s": paper / 2}

// fitGranule is what batches are multiples of: eight groups exchange with one another.
const fitGranule = 64

// A fitSetting is a column. It is compiled for one card, given by its index; for the others the batch is read off the line.
type fitSetting struct {
	precision, remat string
	card             int
}

var fitSettings = []fitSetting{{"float32", "none", 2}, {"float32", "block", 1}, {"bfloat16", "none", 3}, {"bfloat16", "block", 0}}

func (s fitSetting) command(target string, batch int) string {
	return fmt.Sprintf("mocotpu compile --preset=moco-v2 --topology=%s --precision=%s --remat=%s --batch=%d", target, s.precision, s.remat, batch)
}

func (s fitSetting) String() string {
	return s.precision + map[string]string{"none": "", "block": ", `--remat=block`"}[s.remat]
}

// fits says which batch fits a card.
func fits() *record {
	r := &record{
		key:   1,
		Title: "Which batch fits which card, computed",
		Text: []string{"The largest batch of `moco-v2` (ResNet-50, 224 pixels, eight BatchNorm groups) that one card takes with three quarters of its memory, which is XLA's default: multiples of 64. " +
			"The papers' batch is 256. `--micro=8` takes an eighth of the activations, and no batch of this table is its limit."},
		Software: "jax-cuda13-pjrt 0.10.2",
		Columns:  []string{"card", "may use, MiB"},
		Notes: []string{
			"What a step takes grows with the batch along a line, which two batches give on a larger card of the same generation (an A100 of 80 GB, an L40S), where XLA computes nothing again; batches are read off it. A larger batch than these may still fit, after XLA has computed again what it could; where XLA does so in vain, close to the limit, the next smaller one may be the largest.",
			"cuDNN's scratch memory is not known without a GPU, and comes on top. `--gpu-memory-fraction=0.95` gives a quarter more.",
		},
	}
	for _, s := range fitSettings {
		r.Columns = append(r.Columns, s.String())
	}
	r.Commands = []string{
		"mocotpu compile --preset=moco-v2 --topology=CARD --precision=P --remat=R --batch=B",
		"make computed",
	}
	return r
}

func fitRows(c *compiler, r *record) error {
	lines := map[string]line{} // by ruler and setting
	of := func(card int, s fitSetting) line { return lines[cards[card].ruler+s.String()] }
	for _, one := range cards {
		row := []string{one.says, ""}
		for _, s := range fitSettings {
			l, known := lines[one.ruler+s.String()]
			if !known {
				var err error
				if l, err = c.line(one.ruler, s); err != nil {
					return err
				}
				lines[one.ruler+s.String()] = l
			}
			target, err := plan.Lookup(one.name, 0, s.precision, 0)
			if err != nil {
				return err
			}
			row[1] = fmt.Sprintf("%d", target.Usable/mib)
			row = append(row, batchCell(l.batch(target.Usable)))
		}
		r.put(row...)
	}
	notes := r.Notes
	r.Notes = append(slices.Clip(notes), "Nothing was compiled for the cards themselves yet.")
	if err := c.save(); err != nil {
		return err
	}
	var tried []string
	for _, s := range fitSettings {
		text, batch, err := c.try(cards[s.card].name, s, of(s.card, s))
		if err != nil {
			return err
		}
		tried = append(tried, text)
		row := slices.IndexFunc(r.Rows, func(row []cell) bool { return row[0].text == cards[s.card].says })
		r.Rows[row][slices.Index(r.Columns, s.String())].text = batchCell(batch)
	}
	r.Notes = append(slices.Clip(notes), "Compiled for the cards themselves: "+strings.Join(tried, "; ")+".")
	return c.save()
}

func batchCell(batch int) string {
	switch {
	case batch == 0:
		return fmt.Sprintf("none of %d or more", fitGranule)
	case batch >= paper:
		return fmt.Sprintf("**%d**", batch)
	}
	return fmt.Sprint(batch)
}

// A line is what a step takes of a device, in bytes: of no image, and of each.
type line struct{ fixed, image float64 }

// line measures a setting on a ruler.
func (c *compiler) line(ruler string, s fitSetting) (line, error) {
	var peaks [2]float64
	first := rulerBatch[ruler]
	for i := range peaks {
		batch := first * (i + 1)
		p, err := c.compile(s.command(ruler, batch))
		if err != nil {
			return line{}, err
		}
		if !p.Fits || p.Recomputed > 0 {
			return line{}, fmt.Errorf("results: batch %d in %s is tight on %s: it fits is %t, %d operations run again", batch, s, ruler, p.Fits, p.Recomputed)
		}
		peaks[i] = float64(p.Memory.Peak)
	}
	image := (peaks[1] - peaks[0]) / float64(first)
	return line{peaks[0] - float64(first)*image, image}, nil
}

// batch is the largest multiple of the granule that takes so many bytes.
func (l line) batch(usable int64) int {
	return max(0, int((float64(usable)-l.fixed)/l.image)/fitGranule*fitGranule)
}

func (l line) at(batch int) float64 { return l.fixed + float64(batch)*l.image }

// try compiles a setting for a card with the batch of the line and one granule more, which does not fit unless XLA computes
// something again, and counts then. Where the line's batch does not fit, because XLA computed something again in vain, it goes
// down to one that does. It says what they take. A line that is wrong otherwise is an error.
func (c *compiler) try(card string, s fitSetting, l line) (says string, fits int, err error) {
	target, err := plan.Lookup(card, 0, s.precision, 0)
	if err != nil {
		return "", 0, err
	}
	batch := l.batch(target.Usable)
	var all []string
	compile := func(b int) (bool, error) {
		p, err := c.compile(s.command(card, b))
		if err != nil {
			return false, err
		}
		if p.Fits != (b <= batch) && p.Recomputed == 0 {
			return false, fmt.Errorf("results: %s on %s: batch %d fits is %t, with %.0f MiB of %d, and the line says %.0f",
				s, card, b, p.Fits, float64(p.Memory.Peak)/mib, target.Usable/mib, l.at(b)/mib)
		}
		text := fmt.Sprintf("batch %d takes %.0f MiB", b, float64(p.Memory.Peak)/mib)
		if p.Recomputed > 0 {
			text += fmt.Sprintf(" with %d operations that XLA runs again", p.Recomputed)
		}
		text += fmt.Sprintf(" (the line: %+.0f %%)", math.Round(100*(l.at(b)/float64(p.Memory.Peak)-1))+0)
		all = append(all, text)
		return p.Fits, nil
	}
	for fits = batch; fits > 0; fits -= fitGranule {
		fit, err := compile(fits)
		if err != nil {
			return "", 0, err
		}
		if fit {
			break
		}
	}
	if fits == batch {
		more, err := compile(batch + fitGranule)
		if err != nil {
			return "", 0, err
		}
		if more {
			fits += fitGranule
		}
	}
	return fmt.Sprintf("%s on %s, %s", s, card, strings.Join(all, ", ")), fits, nil
}
