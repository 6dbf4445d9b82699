package pretrain

import (
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

// current judges the encoder as it is.
func (m *monitor) current() (KNNRow, error) {
	start := time.Now()
	test := m.session.test
	row := KNNRow{K: m.session.config.KNN.Ks, Queries: test.N, Bank: m.bank.N}
	bankFeatures, bankProjections, err := m.encoder.Embed(m.bank.Pixels, m.bank.N)
	if err != nil {
		return row, err
	}
	features, projections, err := m.encoder.Embed(test.Pixels, test.N)
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

// untrained judges the encoder before training, its BatchNorm statistics those of real images, and the raw pixels.
func (m *monitor) untrained() (row KNNRow, err error) {
	s := m.session
	err = features.Recalibrated(m.mesh, s.store, moco.QueryScope, m.config, m.bank.Pixels, m.bank.N, recalibrationBatches,
		func() error {
			row, err = m.current()
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
	if err != nil {
		return nil, err
	}
	accuracies := make([]Float, len(results))
	for i, r := range results {
		accuracies[i] = Float(r.Top1())
	}
	return accuracies, nil
}
