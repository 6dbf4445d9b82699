package plan

import (
	"errors"
	"fmt"
	"io"
)

// A Setting is what can be changed to make a program fit.
type Setting struct {
	Precision, Remat string // of the encoder, see Program
	Batch            int
}

// A Fitting is what Fit found.
type Fitting struct {
	// Settings are the plans of the batch that was asked for, in every precision and with and without computing blocks
	// again; Cheapest is the best that fits of them, nil if none does.
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
// largestBatch. try makes the plan of a setting; the memory of its target is known (Target.Usable).
func Fit(given Setting, granule int, try func(Setting) (*Plan, error)) (*Fitting, error) {
	f := &Fitting{given: given}
	for _, s := range []Setting{
		{"float32", "none", given.Batch}, {"bfloat16", "none", given.Batch}, {"float32", "block", given.Batch}, {"bfloat16", "block", given.Batch},
	} {
		p, err := try(s)
		if err != nil {
			return nil, err
		}
		f.Settings = append(f.Settings, p)
	}
	f.Cheapest = cheapest(f.Settings)
	var err error
	f.Largest, f.TooBig, err = largestBatch(given.Batch, granule, func(batch int) (*Plan, error) {
		p, err := try(Setting{given.Precision, given.Remat, batch})
		if err == nil {
			f.Batches = append(f.Batches, p)
		}
		return p, err
	})
	return f, err
}

// WriteText writes the tables of both searches and what they found. say is as of [Plan.WriteText].
func (f *Fitting) WriteText(w io.Writer, say Say) error {
	_, err := fmt.Fprintf(w, "settings for batch %d\n", f.given.Batch)
	err = errors.Join(err, WriteTable(w, f.Settings))
	verdict := "none of them fits"
	if c := f.Cheapest; c != nil {
		verdict = fmt.Sprintf("cheapest that fits: %s, ideal step %.1f ms", say.all(settingsOf(c.Program.Precision, c.Program.Remat)), 1e3*c.Time.Step)
	}
	_, failed := fmt.Fprintf(w, "%s\n\nbatches with %s\n", verdict, say.all(settingsOf(f.given.Precision, f.given.Remat)))
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
