package report

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/gomlx/compute"

	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/run"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// Options of [Write].
type Options struct {
	// Backend computes what the encoders see: views, neighbours, the map of features, confusion. Nil leaves that out, and
	// the page then shows only what is in the run directories.
	Backend compute.Backend
	// Reload has browsers load the page again after so long, in whole seconds; 0 does not.
	Reload time.Duration
	// Stage, if not nil, is called with a description before each long piece of work.
	Stage func(what string)
}

// entry is one run of the page.
type entry struct {
	Name, Colour string
	Steps        int
	Summary      string
	Config       string
	Evaluation   []judge.Row // of eval's report, if there is one beside the run directory
	LabelFree    []judge.LabelFreeRow
	FewLabels    *Chart // nil without
	Look         *look  // nil without a backend
	history      history
	record       run.Record
}

// Write writes the page of the run directories, at least one. A run may be in progress. The report of `mocotpu eval`
// is shown where it lies beside the run directory under its default name. Of a folder without held-out images some training
// images are looked at in their place, which the page says.
func Write(ctx context.Context, w io.Writer, dirs []string, o Options) error {
	if len(dirs) == 0 {
		return errors.New("report: no run directories, want at least one")
	}
	if o.Stage == nil {
		o.Stage = func(string) {}
	}
	page := struct {
		Title       string
		Reload      int // seconds
		Runs        []*entry
		Charts      []Chart
		Differences []run.Setting
	}{Title: "mocotpu", Reload: int(o.Reload.Seconds())}
	var histories []history
	var configs []run.Config
	sets := map[dataset.Config]images{}
	for i, dir := range dirs {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := newRun(dir)
		if err != nil {
			return err
		}
		if err := r.record.Validate(); o.Backend != nil && err != nil { // before any encoder is looked through
			return fmt.Errorf("report: %s: %s holds what no run can have, mend it or leave the encoders out by --curves-only: %w", dir, run.ConfigFile, err)
		}
		r.Colour = colours[i%len(colours)]
		page.Runs, histories, configs = append(page.Runs, r), append(histories, r.history), append(configs, r.record.Config)
	}
	for i, r := range page.Runs {
		if o.Backend == nil {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		o.Stage("looking through the encoder of " + dirs[i])
		shown, err := open(sets, r.record.Data)
		if err != nil {
			return err
		}
		if r.Look, err = newLook(ctx, o.Backend, dirs[i], r.record.Config, shown); err != nil {
			return fmt.Errorf("report: %s: %w", dirs[i], err)
		}
	}
	page.Charts = charts(histories)
	var err error
	if page.Differences, err = run.Differing(configs); err != nil {
		return err
	}
	if err := pageTemplate.Execute(w, page); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// newRun reads what a run directory holds.
func newRun(dir string) (*entry, error) {
	record, err := run.ReadRecord(dir)
	if err != nil {
		return nil, err
	}
	c := record.Config
	r := &entry{Name: filepath.Base(run.Beside(dir, "")), record: record}
	if r.history.rows, r.history.knn, err = run.ReadMetrics(dir); err != nil {
		return nil, err
	}
	text, err := record.Encode()
	if err != nil {
		return nil, err
	}
	r.Config = string(text)
	if n := len(r.history.rows); n > 0 {
		r.Steps = r.history.rows[n-1].Step
	}
	r.Summary = fmt.Sprintf("%s of width %d on %s, batch %d, queue %d, T %g", c.Encoder.Arch, c.Encoder.Width, c.Data.Kind,
		c.MoCo.Batch, c.MoCo.Queue, c.MoCo.Temperature)
	if n := len(r.history.knn); n > 0 && len(r.history.knn[n-1].K) > 0 {
		r.Summary += fmt.Sprintf("; kNN %.1f %% before, %.1f %% at step %d", r.history.knn[0].Headline(),
			r.history.knn[n-1].Headline(), r.history.knn[n-1].Step)
	}
	evaluation, err := judge.ReadReport(run.Beside(dir, judge.ReportSuffix))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	r.Evaluation, r.LabelFree = evaluation.Rows, evaluation.LabelFree
	r.FewLabels = fewLabelsChart(evaluation.FewLabels)
	return r, nil
}
