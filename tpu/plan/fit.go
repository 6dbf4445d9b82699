package plan

import (
	"errors"
	"fmt"
	"io"
)

// A Setting is what can be changed to make a program fit.
type Setting struct {
	Precision, Remat string // of the encoder, see Program
	Batch, Micro     int
}

// A Fitting is what Fit found.
type Fitting struct {
	// Settings are the plans of the batch that was asked for, in every precision and with and without computing blocks
	// again; and, of a precision in which it does not fit, those in the fewest micro-batches in which it does. Cheapest is the
	// best that fits of them, nil if none does.
	Settings []*Plan `json:"settings"`
	Cheapest *Plan   `json:"cheapest"`
	// Batches are the plans of the search for the largest batch with the settings given, Largest what it found, TooBig the
	// smallest that does not fit.
	Batches []*Plan `json:"batches"`
	Largest *Plan   `json:"largest"`
	TooBig  int     `json:"too_big"`

	given Setting
}

// Fit finds the cheapest way to fit the batch of a setting, and the largest batch: a multiple of granule, see
// largestBatch. micros are the numbers of micro-batches that a device's BatchNorm groups come in, ascending. try makes the
// plan of a setting; the memory of its target is known (Target.Usable).
func Fit(given Setting, granule int, micros []int, try func(Setting) (*Plan, error)) (*Fitting, error) {
	f := &Fitting{given: given}
	one := func(s Setting) (*Plan, error) {
		p, err := try(s)
		if err == nil {
			f.Settings = append(f.Settings, p)
		}
		return p, err
	}
	var unfit []*Plan
	for _, s := range []Setting{
		{"float32", "none", given.Batch, 1}, {"bfloat16", "none", given.Batch, 1}, {"float32", "block", given.Batch, 1}, {"bfloat16", "block", given.Batch, 1},
	} {
		p, err := one(s)
		if err != nil {
			return nil, err
		}
		if !p.Fits && s.Remat == "none" {
			unfit = append(unfit, p)
		}
	}
	for _, p := range unfit {
		for _, micro := range p.enough(micros) {
			p, err := one(Setting{p.Program.Precision, p.Program.Remat, given.Batch, micro})
			if err != nil {
				return nil, err
			}
			if p.Fits {
				break
			}
		}
	}
	f.Cheapest = cheapest(f.Settings)
	var err error
	f.Largest, f.TooBig, err = largestBatch(given.Batch, granule, func(batch int) (*Plan, error) {
		p, err := try(Setting{given.Precision, given.Remat, batch, given.Micro})
		if err == nil {
			f.Batches = append(f.Batches, p)
		}
		return p, err
	})
	return f, err
}

// enough are the numbers of micro-batches in which a program that does not fit whole may fit: those that take too much by
// the estimate, and by a tenth more than there is, are left out.
func (p *Plan) enough(micros []int) []int {
	fits, known := p.Failure.fits()
	for i, micro := range micros {
		if !known || microPart(micro) <= 1.1*fits {
			return micros[i:]
		}
	}
	return nil
}

// WriteText writes the tables of both searches and what they found. say is as of [Plan.WriteText].
func (f *Fitting) WriteText(w io.Writer, say Say) error {
	_, err := fmt.Fprintf(w, "settings for batch %d\n", f.given.Batch)
	err = errors.Join(err, WriteTable(w, f.Settings))
	verdict := "none of them fits"
	if c := f.Cheapest; c != nil {
		verdict = fmt.Sprintf("cheapest that fits: %s, ideal step %.1f ms", say.all(settingsOf(c.Program.Precision, c.Program.Remat, c.Program.Micro)), 1e3*c.Time.Step)
	}
	_, failed := fmt.Fprintf(w, "%s\n\nbatches with %s\n", verdict, say.all(settingsOf(f.given.Precision, f.given.Remat, f.given.Micro)))
	err = errors.Join(err, failed, WriteTable(w, f.Batches))
	switch {
	case f.Largest == nil:
		verdict = fmt.Sprintf("no batch fits down to %d", f.TooBig)
	case f.TooBig == 0:
		verdict = fmt.Sprintf("largest tried: %d, and it fits", f.Largest.Program.Batch)
	default:
		batch := f.Largest.Program.Batch
		verdict = fmt.Sprintf("largest batch that fits: %d = %d a device (%d does not)", batch, batch/f.Largest.Target.Devices, f.TooBig)
	}
	_, failed = fmt.Fprintln(w, verdict)
	return errors.Join(err, failed)
}
