package train

import (
	"fmt"
	"math"
	"strings"

	"github.com/mocotpu/mocotpu/models/convert"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// readState reads the whole state of a run of facebookresearch/moco from its checkpoint, and checks it against the
// configuration, before anything is compiled. perEpoch is the number of steps in an epoch here, and epochs those that the
// schedule spans.
func readState(path string, c run.Config, perEpoch, epochs int) (*beginning, error) {
	saved, err := convert.LoadCheckpoint(path)
	if err != nil {
		return nil, fmt.Errorf("train: --resume-from: %w: %w", settings.ErrInvalid, err)
	}
	file, source := saved.Query.Manifest.Network, saved.Query.Manifest.Source
	var wrong []string
	for _, w := range []struct {
		flag      string
		file, own any
	}{
		{"arch", file.Arch, c.Encoder.Arch},
		{"width", file.Width, c.Encoder.Width},
		{"stem", file.Stem, c.Encoder.Stem},
		{"head", file.Head, c.Encoder.Head},
		{"dim", file.Projection, c.Encoder.Dim},
		{"queue", len(saved.Queue) / file.Projection, c.MoCo.Queue},
		{"sgd-momentum", saved.Config.Optim.Momentum, c.Optim.Momentum},
		{"weight-decay", saved.Config.Optim.WeightDecay, c.Optim.WeightDecay},
	} {
		if w.file != w.own {
			wrong = append(wrong, fmt.Sprintf("--%s=%v, got %v", w.flag, w.file, w.own))
		}
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("train: --resume-from: %w: %s is of a run with other settings, want\n%s", settings.ErrInvalid, path, strings.Join(wrong, "\n"))
	}
	if source.Epoch > epochs {
		return nil, fmt.Errorf("train: --resume-from: %w: %s has done %d epochs, want --epochs=%d or more, got %d",
			settings.ErrInvalid, path, source.Epoch, source.Epoch, epochs)
	}
	b := &beginning{
		path: path, queue: saved.Queue, pointer: saved.QueuePtr, epochs: source.Epoch,
		values: map[string]map[string][]float32{
			moco.QueryScope: saved.Query.Values, moco.KeyScope: saved.Key.Values, moco.MomentumScope: saved.Momentum,
		},
		said: []string{fmt.Sprintf("going on from %s: encoders, queue, SGD's buffers and epoch %d of %d", path, source.Epoch, epochs)},
	}
	if now := run.LR(c.Optim, source.Epoch-1, perEpoch-1, perEpoch, epochs); !near(saved.Config.Optim.LR, now) {
		b.said = append(b.said, fmt.Sprintf("warning: its last learning rate was %.6g, and this schedule's would have been %.6g: see --lr, --schedule, --milestones and --epochs",
			saved.Config.Optim.LR, now))
	}
	if n := source.Epoch * perEpoch; source.Step > 0 && source.Step != n && !(c.MoCo.Symmetric && source.Step == 2*n) { // BatchNorm counts both passes of a symmetric step
		b.said = append(b.said, fmt.Sprintf("warning: it has done %d steps in its %d epochs, and here they have %d: the images, or the batch, are others", source.Step, source.Epoch, n))
	}
	return b, nil
}

// near tells whether two rates are the same but for rounding.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(a, b) }
