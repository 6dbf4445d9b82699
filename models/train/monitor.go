package train

import (
	"context"
	"errors"
	"time"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

const (
	// recalibrationBatches is how many batches set the untrained encoder's statistics.
	recalibrationBatches = 10
	// pixelBytes is the size of an image up to which raw pixels are judged beside the encoder.
	pixelBytes = 3 * 64 * 64

	// firstBank and firstQueries are how many images the encoder is judged by before training, so that training begins soon.
	// Of 2048 images the 95 % interval reaches 2.2 points at most to either side.
	firstBank    = 12288
	firstQueries = 2048
)

// monitor judges the query encoder by nearest neighbours and without labels, and changes nothing of the run.
type monitor struct {
	session   *session
	mesh      *mesh.Mesh
	config    encoder.ProgramConfig
	encoder   *encoder.Program
	augmented *encoder.Program
	search    *judge.Search // nil where another process judges
	all       sides         // empty without nearest neighbours
	sample    sides         // of them, before training
	knn       judge.KNNOptions
}

// sides are the images whose neighbours are searched, and those that are searched.
type sides struct{ queries, bank data.Source }

func newMonitor(s *session, m *mesh.Mesh) (o *monitor, err error) {
	info := s.train.Info()
	c := encoder.ProgramConfig{
		Encoder: s.definition.Encoder, Views: s.views, ImageSize: s.definition.ImageSize,
		Size: info.Size, Channels: info.Channels, Batch: s.definition.Batch,
	}
	o = &monitor{session: s, mesh: m, config: c}
	defer func() {
		if err != nil {
			o.close()
		}
	}()
	if o.encoder, err = encoder.Compile(m, s.step.Store(), moco.QueryScope, c); err != nil {
		return nil, err
	}
	c.Augmented, c.Seed = true, s.config.Run.Seed
	if o.augmented, err = encoder.Compile(m, s.step.Store(), moco.QueryScope, c); err != nil {
		return nil, err
	}
	if s.leads() {
		if o.search, err = judge.NewSearch(m.Backend()); err != nil {
			return nil, err
		}
	}
	if s.test == nil {
		return o, nil
	}
	o.all = sides{s.test, dataset.Part(s.train, s.config.KNN.BankImages)}
	o.knn = judge.KNNOptions{Ks: s.config.KNN.Ks, Temperature: s.config.KNN.Temperature}
	if clipped, note := o.knn.Clip(o.all.bank.Info().N); note != "" {
		s.report.Note(note)
		o.knn = clipped
	}
	seed, neighbours := s.config.Run.Seed, o.knn.Ks[len(o.knn.Ks)-1]
	o.sample = sides{
		data.Sample(o.all.queries, firstQueries, seed),
		data.Sample(o.all.bank, max(firstBank, neighbours), seed),
	}
	return o, nil
}

func (m *monitor) close() {
	for _, p := range []*encoder.Program{m.encoder, m.augmented} {
		if p != nil {
			p.Close()
		}
	}
	if m.search != nil {
		m.search.Close()
	}
}

// embed has a program encode all images of a source. It gives up with the context. Where another process judges, this one
// does its share of the work and gets nothing.
func (m *monitor) embed(ctx context.Context, p *encoder.Program, source data.Source) (encoder.Embedding, error) {
	if !m.session.leads() {
		return encoder.Embedding{}, ofDevice(p.Accompany(ctx, source))
	}
	e, err := p.EmbedAll(ctx, source, nil)
	return e, ofDevice(err)
}

// ofDevice marks the engine's failures among a judgement's.
func ofDevice(err error) error {
	if errors.Is(err, encoder.ErrEngine) {
		return deviceError{err}
	}
	return err
}

// current judges the encoder as it is. It gives up with the context.
func (m *monitor) current(ctx context.Context) (row run.KNNRow, err error) { return m.by(ctx, m.all) }

// by judges the encoder by these images, and without labels.
func (m *monitor) by(ctx context.Context, images sides) (row run.KNNRow, err error) {
	start := time.Now()
	if images.bank != nil {
		if row, err = m.neighbours(ctx, images); err != nil {
			return row, err
		}
	}
	if row.LabelFree, err = m.labelFree(ctx); err != nil {
		return row, err
	}
	row.Seconds = run.Float(time.Since(start).Seconds())
	return row, nil
}

// neighbours judges by those.
func (m *monitor) neighbours(ctx context.Context, images sides) (run.KNNRow, error) {
	row := run.KNNRow{K: m.knn.Ks, Queries: images.queries.Info().N, Bank: images.bank.Info().N}
	row.Sample = row.Queries < m.all.queries.Info().N || row.Bank < m.all.bank.Info().N
	bank, err := m.embed(ctx, m.encoder, images.bank)
	if err != nil {
		return row, err
	}
	queries, err := m.embed(ctx, m.encoder, images.queries)
	if err != nil || !m.session.leads() {
		return row, err
	}
	if row.Backbone, err = m.judge(ctx, bank.Trunk, bank.Labels, queries.Trunk, queries.Labels); err != nil {
		return row, err
	}
	row.Projection, err = m.judge(ctx, bank.Head, bank.Labels, queries.Head, queries.Labels)
	return row, err
}

// labelFree judges without labels; nil where another process does.
func (m *monitor) labelFree(ctx context.Context) (*run.LabelFree, error) {
	var seen [3]encoder.Embedding
	for i, p := range []*encoder.Program{m.encoder, m.augmented.View(0), m.augmented.View(1)} {
		var err error
		if seen[i], err = m.embed(ctx, p, m.session.judged); err != nil {
			return nil, err
		}
	}
	if !m.session.leads() {
		return nil, nil
	}
	found, err := m.search.LabelFree(ctx, seen[0], seen[1], seen[2])
	found.HeldOut = m.session.held != nil
	return &found, m.judgement(err)
}

// before judges the encoder before training, and the raw pixels. BatchNorm's statistics of drawn weights are 0 and 1, so they
// are judged with those of real images; weights from a file are judged as they are.
func (m *monitor) before(ctx context.Context) (row run.KNNRow, err error) {
	judged := func() (err error) {
		row, err = m.by(ctx, m.sample)
		return err
	}
	if m.session.config.Run.Init != "" {
		err = judged()
	} else {
		some := dataset.Part(m.session.train, m.config.Batch*recalibrationBatches)
		err = encoder.Recalibrated(ctx, m.mesh, m.session.step.Store(), moco.QueryScope, m.config, some, recalibrationBatches, judged)
	}
	if err != nil || !m.session.leads() || m.all.bank == nil {
		return row, ofDevice(err)
	}
	return row, m.judgePixels(ctx, &row)
}

// judgePixels judges raw pixels, of sets of small images in memory. Searching the whole bank is quick: nothing is encoded.
func (m *monitor) judgePixels(ctx context.Context, row *run.KNNRow) error {
	train, inMemory := m.all.bank.(*data.Set)
	_, alsoInMemory := m.all.queries.(*data.Set)
	if !inMemory || !alsoInMemory || train.ImageLen() > pixelBytes {
		return nil
	}
	bank, err := judge.Pixels(ctx, train)
	if err != nil {
		return err
	}
	queries, err := judge.Pixels(ctx, m.sample.queries)
	if err != nil {
		return err
	}
	row.Pixels, err = m.judge(ctx, bank.Features, bank.Labels, queries.Features, queries.Labels)
	return err
}

// judge is the accuracy in percent for each k.
func (m *monitor) judge(ctx context.Context, bank encoder.Features, bankLabels []int32, queries encoder.Features, labels []int32) ([]run.Float, error) {
	results, err := m.search.KNN(ctx, bank, bankLabels, queries, labels, len(m.all.bank.Info().Classes), m.knn)
	if err := m.judgement(err); err != nil {
		return nil, err
	}
	accuracies := make([]run.Float, len(results))
	for i, r := range results {
		accuracies[i] = run.Float(r.Top1())
	}
	return accuracies, nil
}

// judgement marks what made a judgement fail: features that are no numbers, or the device.
func (m *monitor) judgement(err error) error {
	if errors.Is(err, judge.ErrNotFinite) {
		return m.session.uselessFeatures()
	}
	return ofDevice(err)
}
