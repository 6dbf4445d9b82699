package judge

import (
	"slices"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/internal/engines"
)

// wide is a set of images that were twice as wide as high before they were squeezed.
type wide struct{ *data.Set }

func (w wide) Fill(dst []uint8, rows []data.Row, indices []int) error {
	err := w.Set.Fill(dst, rows, indices)
	for i := range rows {
		rows[i].Aspect = 2
	}
	return err
}

// A classifier of photos looks at the middle: at 28 of 32 rows and, of images twice as wide, at 14 of 32 columns. What lies
// outside changes nothing there, and something where the whole image is looked at.
func TestCentral(t *testing.T) {
	net, train, _ := smallNet(t)
	net.Views = still(net.Views)
	with := func(change func(row, col int) bool) data.Source {
		changed := *train
		changed.Pixels = slices.Clone(train.Pixels)
		for i := range changed.Pixels {
			if at := i / 3; change(at/32%32, at%32) {
				changed.Pixels[i] ^= 0xff
			}
		}
		return wide{&changed}
	}
	inside := func(row, col int) bool { return row >= 2 && row < 30 && col >= 9 && col < 23 }
	outside := with(func(row, col int) bool { return !inside(row, col) })
	edge := with(func(row, col int) bool { return row == 2 && col == 22 })
	for _, central := range []bool{true, false} {
		o := linearProtocol(net.Views)
		o.Batch, o.Central = 8, central
		tr := must.M1(newTrainer(engines.Mesh(t, engines.Go(t), 1), net, train.Info(), 8, o))
		scores := func(set data.Source) []float32 {
			got, _, err := tr.scores(set, []int{0, 1, 2, 3, 4, 5})
			must.M(err)
			return got[:6*tr.head.classes]
		}
		whole := scores(wide{train})
		if same := slices.Equal(scores(outside), whole); same != central {
			t.Errorf("central %t: what lies outside changes nothing: %t", central, same)
		}
		if slices.Equal(scores(edge), whole) {
			t.Errorf("central %t: what lies inside changes nothing", central)
		}
		tr.close()
	}
}
