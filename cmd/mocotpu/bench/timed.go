package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/xla"
)

// timedStep is a compiled training step with images to run it on.
type timedStep struct {
	*step.Step
	views stepViews
	lr    float32
	fill  func(images []uint8) // makes the next batch; noise, unless it is changed
	index int                  // of the next image
}

// compileStep compiles the step for the engine's first devices, with its state freshly initialised.
func compileStep(e *xla.Engine, definition moco.Step, views stepViews, devices int, lr float64, seed uint64) (*timedStep, error) {
	definition.Views = views.viewer
	s, err := step.Compiled(e, devices, definition, seed, views.side, views.channels)
	if err != nil {
		return nil, err
	}
	noise := rand.NewChaCha8([32]byte{byte(seed)})
	return &timedStep{
		Step: s, views: views, lr: float32(lr),
		fill: func(images []uint8) { _, _ = noise.Read(images) }, // it never fails
	}, nil
}

// run executes one step. It returns the loss, and the time from inputs on the host to the loss on the host.
func (s *timedStep) run() (loss float32, took time.Duration, err error) {
	args, err := s.inputs()
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	figures, err := s.RunTensors(args...)
	if err != nil {
		return 0, 0, fmt.Errorf("bench: step: %w", err)
	}
	return figures[moco.FigureLoss], time.Since(start), nil
}

// inputs makes the step's inputs over the next images.
func (s *timedStep) inputs() (args []*tensors.Tensor, err error) {
	definition := s.Definition()
	n, p := definition.Batch, s.views.viewer.NumParams()
	shuffled := definition.ShuffleOrder()
	for _, in := range s.Inputs() {
		switch in.Kind {
		case moco.Images:
			images := tensors.FromShape(in.Shape)
			err = tensors.MutableFlatData(images, s.fill)
			args = append(args, images)
		case moco.LearningRate:
			args = append(args, tensors.FromValue(s.lr))
		case moco.ViewParams:
			rows := make([]float32, n*p)
			for i := range n {
				from := i
				if in.Shuffled {
					from = shuffled[i]
				}
				s.views.draw(rows[i*p:(i+1)*p], s.index+from, in.View)
			}
			args = append(args, tensors.FromFlatDataAndDimensions(rows, n, p))
		}
	}
	s.index += n
	return args, err
}

// timeSteps compiles a configuration's step with the views and times it as the clock says, on the images or, if they are nil, on
// noise. The time to compile counts as the first step's.
func timeSteps(ctx context.Context, e *xla.Engine, c run.Config, views stepViews, devices int, images []byte, clock *clock) error {
	definition, err := stepOf(c)
	if err != nil {
		return err
	}
	start := time.Now()
	s, err := compileStep(e, definition, views, devices, c.Optim.LR, c.Run.Seed)
	if err != nil {
		return err
	}
	defer s.Close()
	if images != nil {
		s.fill = func(dst []byte) { copy(dst, images) }
	}
	compiling := time.Since(start)
	for more := true; more; compiling = 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		loss, took, err := s.run()
		if err != nil {
			return err
		}
		if more, err = clock.tick(loss, compiling+took); err != nil {
			return err
		}
	}
	clock.answer.DeviceBytes = programMemory(e)
	return nil
}

// programMemory is what one device needs for the newest program, 0 where the engine does not tell.
func programMemory(e *xla.Engine) int64 {
	programs := e.Programs()
	if len(programs) == 0 {
		return 0
	}
	m, err := programs[len(programs)-1].Memory()
	if err != nil {
		return 0
	}
	return m.Arguments + m.Outputs - m.Aliased + m.Temporaries
}
