package pretrain

import (
	"context"
	"errors"
	"time"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/eval"
	"github.com/mocotpu/mocotpu/models/features"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

const (
	// recalibrationBatches is how many batches set the untrained encoder's statistics.
	recalibrationBatches = 10
	// pixelBytes is the size of an image up to which raw pixels are judged beside the encoder.
	pixelBytes = 3 * 64 * 64
	// embedBatches is how many batches are embedded before the context is looked at again.
	embedBatches = 8
)

// monitor judges the query encoder by nearest neighbours, and changes nothing of the run.
type monitor struct {
	session *session
	mesh    *mesh.Mesh
	config  features.Config
	encoder *features.Program
	bank    *data.Set
}

func newMonitor(s *session, m *mesh.Mesh) (*monitor, error) {
	c := features.Config{
		Encoder: s.moco.Encoder, Views: s.views, ImageSize: s.moco.ImageSize,
		Size: s.train.Size, Channels: s.train.Channels, Batch: s.moco.Batch,
	}
	e, err := features.New(m, s.store, moco.QueryScope, c)
	if err != nil {
		return nil, err
	}
	bank := s.train
	if n := s.config.KNN.BankImages; n > 0 && n < bank.N {
		cut := *bank
		cut.N, cut.Pixels, cut.Labels = n, bank.Pixels[:n*bank.ImageLen()], bank.Labels[:n]
		bank = &cut
	}
	return &monitor{session: s, mesh: m, config: c, encoder: e, bank: bank}, nil
}

func (m *monitor) close() { m.encoder.Close() }

// current judges the encoder as it is. It gives up with the context.
func (m *monitor) current(ctx context.Context) (KNNRow, error) {
	start := time.Now()
	test := m.session.test
	row := KNNRow{K: m.session.config.KNN.Ks, Queries: test.N, Bank: m.bank.N}
	bankFeatures, bankProjections, err := m.embed(ctx, m.bank)
	if err != nil {
		return row, err
	}
	features, projections, err := m.embed(ctx, test)
	if err != nil {
		return row, err
	}
	width, dim := m.config.Encoder.Features(), m.config.Encoder.Dim
	if row.Backbone, err = m.judge(bankFeatures, features, width); err != nil {
		return row, err
	}
	if row.Projection, err = m.judge(bankProjections, projections, dim); err != nil {
		return row, err
	}
	row.Seconds = Float(time.Since(start).Seconds())
	return row, nil
}

// embed is what the encoder makes of a set. Its errors are those of the device, or the context's.
func (m *monitor) embed(ctx context.Context, set *data.Set) (features, projections []float32, err error) {
	n := embedBatches * m.config.Batch
	for start := 0; start < set.N; start += n {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		end := min(start+n, set.N)
		f, p, err := m.encoder.Embed(set.Pixels[start*set.ImageLen():end*set.ImageLen()], end-start)
		if err != nil {
			return nil, nil, deviceError{err}
		}
		features, projections = append(features, f...), append(projections, p...)
	}
	return features, projections, nil
}

// untrained judges the encoder before training, its BatchNorm statistics those of real images, and the raw pixels.
func (m *monitor) untrained(ctx context.Context) (row KNNRow, err error) {
	s := m.session
	err = features.Recalibrated(m.mesh, s.store, moco.QueryScope, m.config, m.bank.Pixels, m.bank.N, recalibrationBatches,
		func() error {
			row, err = m.current(ctx)
			return err
		})
	if err != nil || s.train.ImageLen() > pixelBytes {
		return row, err
	}
	bank, err := eval.Pixels{}.Embed(m.bank.Pixels, m.bank.N)
	if err != nil {
		return row, err
	}
	test, err := eval.Pixels{}.Embed(s.test.Pixels, s.test.N)
	if err != nil {
		return row, err
	}
	row.Pixels, err = m.judge(bank.Data, test.Data, bank.Dim)
	return row, err
}

// judge is the accuracy in percent for each k.
func (m *monitor) judge(bank, queries []float32, dim int) ([]Float, error) {
	k := m.session.config.KNN
	results, err := eval.KNN(m.session.machine.Backend, eval.Features{Data: bank, Dim: dim}, m.bank.Labels,
		eval.Features{Data: queries, Dim: dim}, m.session.test.Labels, len(m.bank.Classes),
		eval.Options{Ks: k.Ks, Temperature: k.Temperature})
	if errors.Is(err, eval.ErrNotFinite) {
		return nil, m.session.diverged("a feature")
	}
	if err != nil {
		return nil, deviceError{err}
	}
	accuracies := make([]Float, len(results))
	for i, r := range results {
		accuracies[i] = Float(r.Top1())
	}
	return accuracies, nil
}
