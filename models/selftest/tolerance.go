package selftest

import (
	"strings"

	"github.com/mocotpu/mocotpu/models/internal/trial"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// tolerances are relative L2 distances from the recorded float64, unless said otherwise.
type tolerances struct {
	// Of an encoder.
	outputs, statistics float64
	// Of a step: loss and gradient are relative differences of figures, figure the absolute one of the others.
	loss, figure, gradient                      float64
	parameters, stepStatistics, momentum, queue float64
	// views is the largest difference of a pixel, of the [0, 1] scale.
	views float64
	// elsewhere is allowed between engines, and between numbers of devices.
	elsewhere trial.Limits
}

// toleranceOf are what correct programs stay within. PyTorch's own float32 is as far away from float64 as the records
// tell: up to 2e-5, in the momentum buffers, and 1e-6 in an encoder's outputs.
var toleranceOf = map[Arithmetic]tolerances{
	resnet.Float32: {
		outputs: 3e-5, statistics: 3e-5,
		loss: 3e-6, figure: 1e-6, gradient: 1e-3,
		parameters: 2e-6, stepStatistics: 5e-6, momentum: 5e-4, queue: 5e-6,
		views: 2e-5, elsewhere: trial.Elsewhere,
	},
	resnet.TF32: {
		outputs: 4e-3, statistics: 1e-2,
		loss: 5e-4, figure: 0.07, gradient: 5e-2,
		parameters: 1e-3, stepStatistics: 5e-3, momentum: 0.4, queue: 5e-3,
		views: 1e-3, elsewhere: trial.Limits{Loss: 1e-4, State: 5e-3, Gradient: 0.1},
	},
	resnet.BFloat16: {
		outputs: 1e-2, statistics: 2e-2,
		loss: 1e-3, figure: 0.13, gradient: 0.1,
		parameters: 2e-3, stepStatistics: 1e-2, momentum: 0.8, queue: 1e-2,
		views: 1e-2, elsewhere: trial.Limits{Loss: 2e-4, State: 1e-2, Gradient: 0.2},
	},
}

// ofVariable is the tolerance of a variable of the state and the kind that it is of.
func (t tolerances) ofVariable(name string) (kind string, limit float64) {
	switch {
	case name == moco.QueueName:
		return name, t.queue
	case strings.HasPrefix(name, moco.MomentumScope+"/"):
		return moco.MomentumScope, t.momentum
	case strings.Contains(name, ".running_"):
		return "statistics", t.stepStatistics
	}
	return "parameters", t.parameters
}
