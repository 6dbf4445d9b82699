package train

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// divergedAdvice is what a user can do.
const divergedAdvice = "try a lower --lr or a higher --temperature in a new directory"

// figureNames are what a user calls the figures that must stay finite.
var figureNames = map[int]string{moco.FigureLoss: "the loss", moco.FigureGradientNorm: "the gradient's norm"}

// notFiniteFigure names the first figure that is NaN or infinite, or is "".
func notFiniteFigure(values moco.Figures) string {
	for _, i := range []int{moco.FigureLoss, moco.FigureGradientNorm} {
		if !finite(values[i]) {
			return figureNames[i]
		}
	}
	return ""
}

// notFiniteInput names the first value of a step's inputs that is NaN or infinite, or is "".
func notFiniteInput(inputs []moco.Input, slot *mesh.Slot, lr float32) string {
	for i, in := range inputs {
		if in.Kind == moco.LearningRate && !finite(lr) {
			return in.String()
		}
		first, local := slot.Local()
		for device := first; device < first+local; device++ {
			flat, ok := slot.Parts(device)[i].([]float32)
			if !ok {
				continue
			}
			if at := firstNotFinite(flat); at >= 0 {
				n := in.Shape.Dimensions[1]
				return fmt.Sprintf("%s in row %d of the batch, number %d", in, (device*len(flat)+at)/n, at%n)
			}
		}
	}
	return ""
}

// stateTensor is a tensor of the state and what its values tell of a step.
type stateTensor struct{ name, tells string }

// computationOrder lists the tensors of the state in the order in which a step computes what they show, so that the
// first one that is not finite is where it went wrong.
func computationOrder(c resnet.Config) []stateTensor {
	var order []stateTensor
	add := func(scope string, buffers bool, tells string) {
		for _, p := range c.Params() {
			if p.Buffer == buffers {
				order = append(order, stateTensor{scope + "/" + p.Name, fmt.Sprintf(tells, p.Name)})
			}
		}
	}
	// The momentum update takes in the query encoder's parameters as they are before the step.
	add(moco.KeyScope, false, "parameter %s of an encoder, before the step")
	// BatchNorm's buffers take in what comes into the layer.
	add(moco.QueryScope, true, "the query encoder's activations, by %s")
	add(moco.KeyScope, true, "the key encoder's activations, by %s")
	order = append(order, stateTensor{moco.QueueName, "the keys, by the queue"})
	backward := len(order)
	add(moco.MomentumScope, false, "the gradient of %s, by SGD's buffer")
	slices.Reverse(order[backward:])
	add(moco.QueryScope, false, "parameter %s, after the update")
	return order
}

// notFinite says what the first tensor in the order that holds a NaN or an infinity tells, or is "".
func (s *snapshot) notFinite(order []stateTensor) string {
	for _, t := range order {
		if firstNotFinite(s.flat[t.name].([]float32)) >= 0 {
			return fmt.Sprintf("%s (%s)", t.tells, t.name)
		}
	}
	return ""
}

// diverged is the error of the step in progress, in which a figure is no number any more.
func (s *session) diverged(figure string) error {
	what, err := s.traced(figure)
	return errors.Join(s.divergedAt(what), err)
}

// uselessFeatures is the error of an evaluation after the steps done: a checkpoint of them gives the same features.
func (s *session) uselessFeatures() error {
	what, err := s.traced("a feature")
	return errors.Join(fmt.Errorf("train: evaluation after step %d: %w: %s; a checkpoint of this step gives it again; %s", s.done, ErrDiverged, what, divergedAdvice), err)
}

// traced says that a figure is not finite, and what was so before it.
func (s *session) traced(figure string) (what string, err error) {
	what = figure + " is not finite"
	if err := s.saver.wait(); err != nil { // the snapshot is the writer's
		return what, err
	}
	if err := s.snapshot.take(s.step); err != nil {
		return what, err
	}
	if before := s.snapshot.notFinite(s.order); before != "" {
		what += ", and before it " + before
	}
	return what, nil
}

func (s *session) divergedAt(what string) error {
	kept := "there is no checkpoint yet"
	if s.saved >= 0 {
		kept = fmt.Sprintf("the checkpoint of step %d is kept", s.saved)
	}
	return fmt.Errorf("train: step %d: %w: %s; %s; %s", s.done+1, ErrDiverged, what, kept, divergedAdvice)
}

// firstNotFinite is the index of the first NaN or infinity, or -1.
func firstNotFinite(flat []float32) int {
	const exponent = 0xff << 23 // all ones in both
	return slices.IndexFunc(flat, func(x float32) bool { return math.Float32bits(x)&exponent == exponent })
}

func finite(x float32) bool { return firstNotFinite([]float32{x}) < 0 }
