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
	// recalibrationBytes is how much of them may be in memory.
	recalibrationBytes = 256 << 20
	// pixelBytes is the size of an image up to which raw pixels are judged beside the encoder.
	pixelBytes = 3 * 64 * 64
)

// monitor judges the query encoder by nearest neighbours, and changes nothing of the run.
type monitor struct {
	session *session
	mesh    *mesh.Mesh
	config  encoder.ProgramConfig
	encoder *encoder.Program
	search  *judge.Search
	bank    data.Source
}

func newMonitor(s *session, m *mesh.Mesh) (*monitor, error) {
	info := s.train.Info()
	c := encoder.ProgramConfig{
		Encoder: s.definition.Encoder, Views: s.views, ImageSize: s.definition.ImageSize,
		Size: info.Size, Channels: info.Channels, Batch: s.definition.Batch,
	}
	e, err := encoder.Compile(m, s.step.Store(), moco.QueryScope, c)
	if err != nil {
		return nil, err
	}
	search, err := judge.NewSearch(m.Backend())
	if err != nil {
		e.Close()
		return nil, err
	}
	return &monitor{session: s, mesh: m, config: c, encoder: e, search: search, bank: dataset.Part(s.train, s.config.KNN.BankImages)}, nil
}

func (m *monitor) close() {
	m.encoder.Close()
	m.search.Close()
}

// embedded is a source's images as the encoder sees them.
type embedded struct {
	features, projections []float32
	labels                []int32
}

// embed encodes all images of a source, one batch after the other, until the context ends.
func (m *monitor) embed(ctx context.Context, source data.Source) (e embedded, err error) {
	info := source.Info()
	pixels := make([]uint8, m.config.Batch*info.ImageLen())
	rows, indices := make([]data.Row, m.config.Batch), make([]int, m.config.Batch)
	for start := 0; start < info.N; start += m.config.Batch {
		if err := ctx.Err(); err != nil {
			return e, err
		}
		count := min(m.config.Batch, info.N-start)
		for i := range count {
			indices[i] = start + i
		}
		part := pixels[:count*info.ImageLen()]
		if err := source.Fill(part, rows[:count], indices[:count]); err != nil {
			return e, err
		}
		features, projections, err := m.encoder.Embed(part, count)
		if err != nil {
			return e, deviceError{err}
		}
		e.features, e.projections = append(e.features, features...), append(e.projections, projections...)
		for _, row := range rows[:count] {
			e.labels = append(e.labels, row.Label)
		}
	}
	return e, nil
}

// current judges the encoder as it is. It gives up with the context.
func (m *monitor) current(ctx context.Context) (run.KNNRow, error) {
	start := time.Now()
	test := m.session.test
	row := run.KNNRow{K: m.session.config.KNN.Ks, Queries: test.Info().N, Bank: m.bank.Info().N}
	bank, err := m.embed(ctx, m.bank)
	if err != nil {
		return row, err
	}
	queries, err := m.embed(ctx, test)
	if err != nil {
		return row, err
	}
	width, dim := m.config.Encoder.Features(), m.config.Encoder.Dim
	if row.Backbone, err = m.judge(bank.features, bank.labels, queries.features, queries.labels, width); err != nil {
		return row, err
	}
	if row.Projection, err = m.judge(bank.projections, bank.labels, queries.projections, queries.labels, dim); err != nil {
		return row, err
	}
	row.Seconds = run.Float(time.Since(start).Seconds())
	return row, nil
}

// untrained judges the encoder before training, its BatchNorm statistics those of real images, and the raw pixels.
func (m *monitor) untrained(ctx context.Context) (row run.KNNRow, err error) {
	batch := m.config.Batch * m.bank.Info().ImageLen()
	some := dataset.Part(m.bank, m.config.Batch*min(recalibrationBatches, max(1, recalibrationBytes/batch)))
	pixels, err := dataset.Pixels(some)
	if err != nil {
		return row, err
	}
	err = encoder.Recalibrated(m.mesh, m.session.step.Store(), moco.QueryScope, m.config, pixels, some.Info().N, recalibrationBatches,
		func() error {
			row, err = m.current(ctx)
			return err
		})
	if err != nil {
		return row, err
	}
	return row, m.judgePixels(&row)
}

// judgePixels judges raw pixels, of sets of small images in memory.
func (m *monitor) judgePixels(row *run.KNNRow) error {
	train, inMemory := m.bank.(*data.Set)
	held, alsoInMemory := m.session.test.(*data.Set)
	if !inMemory || !alsoInMemory || train.ImageLen() > pixelBytes {
		return nil
	}
	bank, err := judge.Pixels(train.Pixels, train.N)
	if err != nil {
		return err
	}
	queries, err := judge.Pixels(held.Pixels, held.N)
	if err != nil {
		return err
	}
	row.Pixels, err = m.judge(bank.Data, train.Labels, queries.Data, held.Labels, bank.Dim)
	return err
}

// judge is the accuracy in percent for each k.
func (m *monitor) judge(bank []float32, bankLabels []int32, queries []float32, labels []int32, dim int) ([]run.Float, error) {
	k := m.session.config.KNN
	results, err := m.search.KNN(encoder.Features{Data: bank, Dim: dim}, bankLabels,
		encoder.Features{Data: queries, Dim: dim}, labels, len(m.bank.Info().Classes),
		judge.KNNOptions{Ks: k.Ks, Temperature: k.Temperature})
	if errors.Is(err, judge.ErrNotFinite) {
		return nil, m.session.diverged("a feature")
	}
	if err != nil {
		return nil, deviceError{err}
	}
	accuracies := make([]run.Float, len(results))
	for i, r := range results {
		accuracies[i] = run.Float(r.Top1())
	}
	return accuracies, nil
}
