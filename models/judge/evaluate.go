package judge

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// pixelBytes is how much memory the pixels of the training images may take as features.
const pixelBytes = 4 << 30

// longSearch is the number of operations from which a search takes minutes on a CPU. Its time is then told before.
const longSearch = 1e13

// evaluation is one call of Evaluate at work.
type evaluation struct {
	ctx         context.Context
	mesh        *mesh.Mesh
	search      *Search
	weights     *encoder.Weights
	train, test data.Source
	views       augment.Config
	options     Options
	knn         KNNOptions
	report      Report
	progress    Progress
}

// Evaluate judges the baselines asked for, and then the encoder, on labelled images: classifiers learn from train and are
// measured on test. For label-free alone the images need no labels, and test may be nil. It changes neither the weights nor a
// run directory. Progress may be nil. The report's Engine and Versions are left to the caller.
//
// Features are kept in memory, images are not. It gives up with the context. Options and images that do not suit are an
// [settings.ErrInvalid]; features that are not finite are [ErrNotFinite].
func Evaluate(ctx context.Context, m *mesh.Mesh, w *encoder.Weights, train, test data.Source, o Options, progress Progress) (Report, error) {
	if progress == nil {
		progress = silent{}
	}
	e := &evaluation{
		ctx: ctx, mesh: m, weights: w, train: train, test: test, options: o, progress: progress,
		knn: KNNOptions{Ks: o.Ks, Temperature: o.Temperature},
	}
	if err := e.open(); err != nil {
		return Report{}, err
	}
	defer e.search.Close()
	for _, name := range append(slices.Clone(o.Baselines), "encoder") {
		if err := e.one(name); err != nil {
			return e.report, fmt.Errorf("judge: %s: %w", name, err)
		}
	}
	return e.report, nil
}

// open checks what was given, and begins the report.
func (e *evaluation) open() (err error) {
	if err := e.options.Validate(e.weights, nil); err != nil {
		return err
	}
	labels := slices.ContainsFunc(e.options.Protocols, func(name string) bool { return name != LabelFree })
	train, test := e.train.Info(), data.Info{}
	if e.test != nil {
		test = e.test.Info()
	}
	for _, s := range []data.Info{train, test} {
		if s.Labels == nil && labels {
			return fmt.Errorf("judge: %w: %s has no labels to judge by: want --data with some", settings.ErrInvalid, s.Name)
		}
	}
	if labels {
		if err := checkSets(train, test); err != nil {
			return fmt.Errorf("judge: %w: %w", settings.ErrInvalid, err)
		}
	}
	if err := e.checkPerClass(); err != nil {
		return err
	}
	e.noteFirstWeights()
	if slices.Contains(e.options.Protocols, "knn") {
		clipped, note := e.knn.Clip(train.N)
		if e.knn = clipped; note != "" {
			e.progress.Note(note)
		}
		if err := e.checkMemory(train.N, test.N); err != nil {
			return err
		}
	}
	if e.views, err = pretrainingViews(e.weights, e.train); err != nil {
		return err
	}
	e.report = Report{
		Source: e.weights.Path, Step: e.weights.Manifest.Source.Step, Epoch: e.weights.Manifest.Source.Epoch,
		Data: train.Name, Train: train.N, Test: test.N, Classes: train.Classes, Devices: e.mesh.Devices(),
	}
	e.search, err = NewSearch(e.mesh.Backend())
	return err
}

// one judges the encoder or a baseline.
func (e *evaluation) one(name string) (err error) {
	s := subject{name: name, weights: e.weights}
	switch name {
	case "pixels":
		if info := e.train.Info(); info.N > pixelBytes/4/info.ImageLen() {
			e.progress.Note(fmt.Sprintf("pixels are left out: as features those of %d images of %dx%dx%d take more than the %d GiB allowed",
				info.N, info.Size, info.Size, info.Channels, pixelBytes>>30))
			return nil
		}
		s.weights = nil
	case "untrained":
		s.weights, err = e.untrained()
	case "supervised":
		s.weights, err = e.supervised(s)
	}
	if err != nil {
		return err
	}
	return e.judge(s)
}

// judge runs the protocols asked for on one subject. Pixels have no trunk to train a classifier on, and no
// views: for them label-free, linear and finetune are left out.
func (e *evaluation) judge(s subject) error {
	asked := func(protocol string) bool { return slices.Contains(e.options.Protocols, protocol) }
	if asked("knn") || asked("linear-fast") {
		train, test, err := e.embed(s)
		if err == nil && asked("knn") {
			err = e.neighbours(s, train, test)
		}
		if err == nil && asked("linear-fast") {
			err = e.linearFast(s, train, test)
			if err == nil {
				err = e.fewLinear(s, train, test)
			}
		}
		if err != nil {
			return err
		}
	}
	if s.weights != nil && asked(LabelFree) {
		if err := e.labelFree(s); err != nil {
			return err
		}
	}
	if s.weights != nil && asked("linear") {
		if err := e.linear(s); err != nil {
			return err
		}
	}
	if s.weights != nil && asked("finetune") {
		return e.finetune(s)
	}
	return nil
}

// add appends a row and returns it to be completed.
func (e *evaluation) add(s subject, protocol, features string, t *Tally, start time.Time) *Row {
	row := NewRow(s.name, protocol, features, t, e.report.Classes)
	row.Seconds = time.Since(start).Seconds()
	e.report.Rows = append(e.report.Rows, row)
	return &e.report.Rows[len(e.report.Rows)-1]
}

// checkMemory refuses sets whose features, of the trunk and the head, do not fit beside the search among them.
func (e *evaluation) checkMemory(train, test int) error {
	n := e.weights.Manifest.Network
	if err := (Size{train, test, n.Features + n.Projection, e.knn.Ks[len(e.knn.Ks)-1]}).Check(); err != nil {
		return fmt.Errorf("%w: --train-images and --test-images take fewer", err)
	}
	return nil
}

func (e *evaluation) neighbours(s subject, train, test encoder.Embedding) error {
	for _, of := range []struct {
		name        string
		train, test encoder.Features
	}{{"backbone", train.Trunk, test.Trunk}, {"projection", train.Head, test.Head}} {
		if of.train.Dim == 0 {
			continue
		}
		size := Size{of.train.Len(), of.test.Len(), of.train.Dim, e.knn.Ks[len(e.knn.Ks)-1]}
		if size.Flops() > longSearch {
			expected, err := e.search.Estimate(e.ctx, size)
			if err != nil {
				return err
			}
			e.progress.Note(fmt.Sprintf("%s: the %s will take about %s", of.name, size, expected.Round(time.Minute)))
		}
		start := time.Now()
		e.knn.Progress = e.progress.Stage(fmt.Sprintf("%s: nearest neighbours, %s", s.name, of.name))
		results, err := e.search.KNN(e.ctx, of.train, train.Labels, of.test, test.Labels, len(e.report.Classes), e.knn)
		if err != nil {
			return err
		}
		for _, r := range results {
			e.add(s, "knn", of.name, r.Tally, start).K = r.K
		}
	}
	return nil
}

// labelFree judges by the test images, or else by those of training, as the monitor of a run with the same seed does.
func (e *evaluation) labelFree(s subject) error {
	start, images := time.Now(), e.test
	if images == nil {
		images = e.train
	}
	info := images.Info()
	if info.N < 2 {
		return fmt.Errorf("%w: %s has %d images, want at least 2 to tell apart", settings.ErrInvalid, info.Name, info.N)
	}
	images = dataset.Part(images, min(info.N, LabelFreeImages))
	opened, err := encoder.New(e.mesh.Backend(), s.weights, encoder.Options{Devices: e.mesh.Devices()})
	if err != nil {
		return err
	}
	defer opened.Close()
	augmented, err := opened.Augmented(info, e.views, e.options.Seed)
	if err != nil {
		return err
	}
	defer augmented.Close()
	progress := e.progress.Stage(s.name + ": without labels")
	var seen [3]encoder.Embedding
	for i, embed := range []func(context.Context, data.Source, encoder.Progress) (encoder.Embedding, error){
		opened.EmbedAll, augmented.View(0).EmbedAll, augmented.View(1).EmbedAll,
	} {
		if seen[i], err = embed(e.ctx, images, progress); err != nil {
			return err
		}
	}
	row := LabelFreeRow{Subject: s.name}
	if row.LabelFree, err = e.search.LabelFree(e.ctx, seen[0], seen[1], seen[2]); err != nil {
		return err
	}
	row.HeldOut, row.Seconds = e.test != nil, time.Since(start).Seconds()
	e.report.LabelFree = append(e.report.LabelFree, row)
	return nil
}

func (e *evaluation) linearFast(s subject, train, test encoder.Embedding) error {
	start := time.Now()
	o := FastProbe()
	override(&o.Epochs, e.options.Epochs)
	override(&o.Batch, e.options.Batch)
	o.Seed = e.options.Seed
	r, err := Sweep(e.ctx, e.mesh, Labelled{Features: train.Trunk, Labels: train.Labels},
		Labelled{Features: test.Trunk, Labels: test.Labels}, len(e.report.Classes), o, e.progress.Stage(s.name+": linear-fast"))
	if err != nil {
		return err
	}
	row := e.add(s, "linear-fast", "backbone", r.Tally, start)
	row.LR, row.Losses, row.LabelledImages = r.LR, r.Losses, train.Trunk.Len()
	return nil
}

// ofPhotos tells whether the images are files of any shape, which training may flip.
func (e *evaluation) ofPhotos() bool {
	_, set := e.test.(*data.Set)
	return !set && e.views.Flip > 0
}

func (e *evaluation) linear(s subject) error {
	o := linearProtocol(e.views)
	o.Central = e.ofPhotos()
	override(&o.Epochs, e.options.Epochs)
	override(&o.Batch, e.options.Batch)
	override(&o.LR, e.options.LR)
	return e.trainOn(s, "linear", 100, nil, o)
}

func (e *evaluation) finetune(s subject) error {
	o := finetuning(e.views)
	o.Central = e.ofPhotos()
	if e.options.Epochs > 0 {
		o.Epochs, o.MinSteps = e.options.Epochs, 0
	}
	override(&o.Batch, e.options.Batch)
	override(&o.LR, e.options.LR)
	o.TrunkLR = o.LR / 10
	if s.name == "untrained" { // from scratch
		o.TrunkLR = o.LR
	}
	if len(e.options.PerClass) > 0 {
		return e.fewFinetune(s, o)
	}
	for _, share := range e.options.Labels {
		among, err := subset(e.train.Info().Labels, share/100, e.options.Seed)
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
func (e *evaluation) trainOn(s subject, protocol string, labels float64, among []int, o recipe) error {
	start := time.Now()
	o.Seed = e.options.Seed
	net, err := networkOf(s.weights)
	if err != nil {
		return err
	}
	r, err := trainClassifier(e.ctx, e.mesh, net, e.train, e.test, among, o,
		e.progress.Stage(fmt.Sprintf("%s: %s on %g %% of the labels", s.name, protocol, labels)))
	if err != nil {
		return err
	}
	row := e.add(s, protocol, "backbone", r.Tally, start)
	row.LR, row.Labels, row.LabelledImages, row.Losses = o.LR, labels, r.Images, r.Losses
	return nil
}

// override replaces a protocol's setting by one that was given.
func override[T int | float64](setting *T, given T) {
	if given != 0 {
		*setting = given
	}
}
