package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// evaluation is one call of eval at work.
type evaluation struct {
	ctx         context.Context
	flags       evalFlags
	source      *source
	mesh        *mesh.Mesh
	search      *judge.Search
	train, test *data.Set
	views       augment.Config
	report      judge.Report
	watch       *stages
}

// evaluate judges, prints the table and writes the report.
func evaluate(cmd *cobra.Command, s *source, f evalFlags) error {
	if f.out == "" {
		f.out = s.path + ".report.json"
	}
	if err := refuseExisting(f.force, f.out); err != nil {
		return err
	}
	engine, err := openEngine(f.engine, keptPrograms(cmd.ErrOrStderr()))
	if err != nil {
		return err
	}
	defer engine.Close()
	e := &evaluation{ctx: cmd.Context(), flags: f, source: s, watch: newStages(cmd.ErrOrStderr())}
	defer e.watch.close()
	for _, note := range s.weights.Notes {
		e.watch.note(note)
	}
	if err := e.open(); err != nil {
		return err
	}
	if e.mesh, err = mesh.New(engine, engine.NumDevices()); err != nil {
		return err
	}
	if e.search, err = judge.NewSearch(engine); err != nil {
		return err
	}
	defer e.search.Close()
	e.report = judge.Report{
		Source: s.path, Step: s.weights.Manifest.Source.Step, Epoch: s.weights.Manifest.Source.Epoch,
		Data: e.train.Name, Train: e.train.N, Test: e.test.N, Classes: e.train.Classes,
		Engine: engine.EngineName(), Devices: engine.NumDevices(), Versions: versions(engine),
	}
	if err := e.judgeAll(); err != nil {
		return err
	}
	e.watch.end()
	text, err := e.report.Encode()
	if err != nil {
		return err
	}
	err = writeWhole(f.out, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return err
	}
	if f.json {
		_, err = cmd.OutOrStdout().Write(text)
		return err
	}
	writeEvalTable(cmd.OutOrStdout(), e.report)
	fmt.Fprintf(cmd.ErrOrStderr(), "written: %s\n", f.out)
	return nil
}

// open reads both splits.
func (e *evaluation) open() (err error) {
	e.watch.stage("reading " + e.source.data.Kind)
	if e.train, err = e.source.data.Open("train"); err != nil {
		return err
	}
	if e.test, err = e.source.data.Open("test"); err != nil {
		return err
	}
	if e.train.Labels == nil || e.test.Labels == nil {
		return usageError{fmt.Errorf("%s has no labels to judge by, want --data with some", e.train.Name)}
	}
	if most := e.flags.ks[len(e.flags.ks)-1]; most > e.train.N && slices.Contains(e.flags.protocols, "knn") {
		return usageError{fmt.Errorf("--knn-ks: %d, want at most the %d training images", most, e.train.N)}
	}
	e.views, err = e.source.views()
	return err
}

// judgeAll judges the baselines asked for, then the encoder.
func (e *evaluation) judgeAll() error {
	for _, name := range append(slices.Clone(e.flags.baselines), "encoder") {
		s := subject{name: name, weights: e.source.weights}
		var err error
		switch name {
		case "pixels":
			s.weights = nil
		case "untrained":
			s.weights, err = e.source.untrained(e.mesh, e.train)
		case "supervised":
			start := time.Now()
			var r judge.Result
			s.weights, r, err = e.source.supervised(e.ctx, e.mesh, e.train, e.test, e.watch.bar("supervised: training"))
			if err == nil {
				row := e.add(s, "supervised", "backbone", r.Tally, start)
				row.LR, row.Losses, row.LabelledImages = e.source.run.Optim.LR, r.Losses, r.Images
			}
		}
		if err == nil {
			err = e.judge(s)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// add appends a row and returns it to be completed.
func (e *evaluation) add(s subject, protocol, features string, t *judge.Tally, start time.Time) *judge.Row {
	row := judge.NewRow(s.name, protocol, features, t, e.report.Classes)
	row.Seconds = time.Since(start).Seconds()
	e.report.Rows = append(e.report.Rows, row)
	return &e.report.Rows[len(e.report.Rows)-1]
}

// judge runs the protocols asked for on one subject. Pixels have no trunk to train a classifier on: for them linear and
// finetune are left out.
func (e *evaluation) judge(s subject) error {
	if slices.Contains(e.flags.protocols, "knn") || slices.Contains(e.flags.protocols, "linear-fast") {
		e.watch.stage(s.name + ": features")
		train, test, err := s.embed(e.mesh, e.train, e.test)
		if err != nil {
			return err
		}
		if slices.Contains(e.flags.protocols, "knn") {
			if err := e.knn(s, train, test); err != nil {
				return err
			}
		}
		if slices.Contains(e.flags.protocols, "linear-fast") {
			if err := e.linearFast(s, train, test); err != nil {
				return err
			}
		}
	}
	if s.weights == nil {
		return nil
	}
	if slices.Contains(e.flags.protocols, "linear") {
		if err := e.linear(s); err != nil {
			return err
		}
	}
	if slices.Contains(e.flags.protocols, "finetune") {
		return e.finetune(s)
	}
	return nil
}

func (e *evaluation) knn(s subject, train, test embedding) error {
	e.watch.stage(s.name + ": nearest neighbours")
	for _, of := range []struct {
		name        string
		train, test encoder.Features
	}{{"backbone", train.trunk, test.trunk}, {"projection", train.head, test.head}} {
		if of.train.Dim == 0 {
			continue
		}
		start := time.Now()
		results, err := e.search.KNN(of.train, e.train.Labels, of.test, e.test.Labels, len(e.report.Classes),
			judge.KNNOptions{Ks: e.flags.ks, Temperature: e.flags.temperature})
		if err != nil {
			return err
		}
		for _, r := range results {
			e.add(s, "knn", of.name, r.Tally, start).K = r.K
		}
	}
	return nil
}

func (e *evaluation) linearFast(s subject, train, test embedding) error {
	start := time.Now()
	o := judge.FastProbe()
	override(&o.Epochs, e.flags.epochs)
	override(&o.Batch, e.flags.batch)
	o.Seed = e.flags.seed
	r, err := judge.Sweep(e.ctx, e.mesh, judge.Labelled{Features: train.trunk, Labels: e.train.Labels},
		judge.Labelled{Features: test.trunk, Labels: e.test.Labels}, len(e.report.Classes), o, e.watch.bar(s.name+": linear-fast"))
	if err != nil {
		return err
	}
	row := e.add(s, "linear-fast", "backbone", r.Tally, start)
	row.LR, row.Losses, row.LabelledImages = r.LR, r.Losses, e.train.N
	return nil
}

func (e *evaluation) linear(s subject) error {
	o := judge.LinearProtocol(e.views)
	override(&o.Epochs, e.flags.epochs)
	override(&o.Batch, e.flags.batch)
	override(&o.LR, e.flags.lr)
	return e.trainOn(s, "linear", 100, nil, o)
}

func (e *evaluation) finetune(s subject) error {
	o := judge.Finetuning(e.views)
	if e.flags.epochs > 0 {
		o.Epochs, o.MinSteps = e.flags.epochs, 0
	}
	override(&o.Batch, e.flags.batch)
	override(&o.LR, e.flags.lr)
	o.TrunkLR = o.LR / 10
	for _, share := range e.flags.labels {
		among, err := judge.Subset(e.train.Labels, share/100, e.flags.seed)
		if err != nil {
			return err
		}
		if err := e.trainOn(s, "finetune", share, among, o); err != nil {
			return err
		}
	}
	return nil
}

// trainOn trains a classifier over images and adds its row.
func (e *evaluation) trainOn(s subject, protocol string, labels float64, among []int, o judge.Options) error {
	start := time.Now()
	o.Seed = e.flags.seed
	net, err := s.network()
	if err != nil {
		return err
	}
	r, err := judge.Train(e.ctx, e.mesh, net, e.train, e.test, among, o,
		e.watch.bar(fmt.Sprintf("%s: %s on %g %% of the labels", s.name, protocol, labels)))
	if err != nil {
		return err
	}
	row := e.add(s, protocol, "backbone", r.Tally, start)
	row.LR, row.Labels, row.LabelledImages, row.Losses = o.LR, labels, r.Images, r.Losses
	return nil
}

// override replaces a protocol's setting by one that the user gave.
func override[T int | float64](setting *T, given T) {
	if given != 0 {
		*setting = given
	}
}
