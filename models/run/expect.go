package run

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Expectation is what a figure must be after an epoch, or else the run is not worth going on with.
type Expectation struct {
	// Figure is one of [Figures]: knn, the headline of the epoch's evaluation; rank, alignment, uniformity or retrieval, of its
	// headline without labels; the others in the newest row of steps.
	Figure string
	// Epoch counts the epochs done, from 1.
	Epoch int
	// Op is >=, <=, > or <.
	Op    string
	Value float64
}

var expectation = regexp.MustCompile(`^([a-z0-9_]+)@([0-9]{1,9})(>=|<=|>|<)([-+.0-9eE]{1,30})$`)

// UnmarshalText reads "knn@10>=45": the figure, the epochs done, what it must be.
func (e *Expectation) UnmarshalText(text []byte) error {
	parts := expectation.FindStringSubmatch(strings.ReplaceAll(string(text), " ", ""))
	var parsed Expectation
	var err error
	if parts != nil {
		parsed.Figure, parsed.Op = parts[1], parts[3]
		parsed.Epoch, _ = strconv.Atoi(parts[2]) // digits, and few
		parsed.Value, err = strconv.ParseFloat(parts[4], 64)
	}
	if parts == nil || err != nil {
		return fmt.Errorf("%q, want a figure, a whole number of epochs done, and what the figure must be: 'knn@10>=45'", text)
	}
	*e = parsed
	return nil
}

// MarshalText is what UnmarshalText reads.
func (e Expectation) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

func (e Expectation) String() string {
	return fmt.Sprintf("%s@%d%s%s", e.Figure, e.Epoch, e.Op, strconv.FormatFloat(e.Value, 'g', -1, 64))
}

// Met tells whether the rows of a run, up to the end of the epoch, have what is expected, and what they have; NaN for
// nothing.
func (e Expectation) Met(rows []Row, evaluations []KNNRow) (got Float, met bool) {
	got = Float(math.NaN())
	switch f := figureOf(e.Figure); {
	case f == nil:
	case f.row != nil && len(rows) > 0:
		got = f.row(rows[len(rows)-1])
	case f.evaluation != nil && len(evaluations) > 0:
		got = f.evaluation(evaluations[len(evaluations)-1])
	}
	switch e.Op {
	case ">=":
		met = float64(got) >= e.Value
	case "<=":
		met = float64(got) <= e.Value
	case ">":
		met = float64(got) > e.Value
	case "<":
		met = float64(got) < e.Value
	}
	return got, met
}

// Evaluates tells whether the figure is one of evaluations.
func (e Expectation) Evaluates() bool {
	f := figureOf(e.Figure)
	return f != nil && f.evaluation != nil
}

// Expectations are those of a run, as a flag has them that is given once for each.
type Expectations []Expectation

// Set adds one; an empty text takes all away.
func (e *Expectations) Set(text string) error {
	if text == "" {
		*e = nil
		return nil
	}
	return e.Append(text)
}

// Append adds one.
func (e *Expectations) Append(text string) error {
	var one Expectation
	err := one.UnmarshalText([]byte(text))
	if err == nil {
		*e = append(*e, one)
	}
	return err
}

// Replace puts others in place of all.
func (e *Expectations) Replace(texts []string) error {
	*e = nil
	for _, text := range texts {
		if err := e.Append(text); err != nil {
			return err
		}
	}
	return nil
}

// GetSlice has the text of each.
func (e *Expectations) GetSlice() (texts []string) {
	for _, one := range *e {
		texts = append(texts, one.String())
	}
	return texts
}

func (e *Expectations) String() string { return strings.Join(e.GetSlice(), " ") }

// Type is the kind of value that help prints for a flag.
func (*Expectations) Type() string { return "figure@epoch>=number" }

// checkExpectations lists expectations that cannot be met, or that the run never evaluates.
func (c Config) checkExpectations(p *settings.Check) {
	for _, e := range c.Run.Expect {
		p.OneOf("run.expect", e.Figure, Figures...)
		if f := figureOf(e.Figure); f != nil && f.percent {
			never := e.Op == ">" && e.Value == 100 || e.Op == "<" && e.Value == 0
			p.That(e.Value >= 0 && e.Value <= 100 && !never, "run.expect", "is %s, want a percentage from 0 to 100, and one that can be met", e)
		}
		last := c.Run.Epochs
		to := "" // the epochs of a run measured in steps depend on the number of images
		if last > 0 {
			to = fmt.Sprintf(" to the run's %d", last)
		}
		p.That(e.Epoch >= 1 && (last <= 0 || e.Epoch <= last), "run.expect", "is %s: epoch %d, want one from 1%s", e, e.Epoch, to)
		if e.Evaluates() {
			p.That(c.KNN.Every > 0, "run.expect", "is %s, and {knn.every} is 0: nothing is evaluated", e)
			p.That(c.KNN.Every <= 0 || e.Epoch%c.KNN.Every == 0 || e.Epoch == last, "run.expect",
				"is %s, and evaluations are every {knn.every} (%d) epochs: want a multiple of it", e, c.KNN.Every)
		}
	}
}
