package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// benchViews says what images a timed step takes and what views it makes of them.
type benchViews struct {
	name           string
	viewer         moco.Viewer
	side, channels int                                    // of the images
	draw           func(row []float32, index, number int) // the parameters of one view of one image
}

// presetViews are those of the configuration, of images as its data set has them.
func presetViews(c run.Config) (benchViews, error) {
	views, err := augment.Preset(c.Views.Preset)
	if err != nil {
		return benchViews{}, err
	}
	b := benchViews{name: c.Views.Preset, viewer: views}
	b.side, b.channels = c.Data.Image()
	b.draw = func(row []float32, index, number int) { views.Draw(row, c.Run.Seed, 0, index, number, 1) }
	return b, nil
}

// plainViews only scale images of the views' size to [-1, 1]: the least a step can do with uint8 images.
func plainViews(c run.Config) benchViews {
	return benchViews{
		name: "plain", viewer: plain{}, side: c.Views.ImageSize, channels: 3,
		draw: func(row []float32, _, _ int) { row[0], row[1] = 2./255, -1 },
	}
}

// plain is the moco.Viewer of plainViews. Its two parameters, scale and offset, are an input split over the
// devices, without which the compiler would not split the key encoder.
type plain struct{}

func (plain) NumParams() int { return 2 }

func (plain) Validate() error { return nil }

func (plain) Apply(images, params *graph.Node, size int) *graph.Node {
	n := images.Shape().Dimensions[0]
	images.AssertDims(n, size, size, 3)
	column := func(i int) *graph.Node {
		return graph.Reshape(graph.Slice(params, graph.AxisRange(), graph.AxisElem(i)), n, 1, 1, 1)
	}
	return graph.Add(graph.Mul(graph.ConvertDType(images, dtypes.Float32), column(0)), column(1))
}

// timedStep is a compiled training step with images to run it on.
type timedStep struct {
	*step.Step
	views benchViews
	lr    float32
	fill  func(images []uint8) // makes the next batch; noise, unless it is changed
	index int                  // of the next image
}

// compileStep compiles the step for the engine's first devices, with its state freshly initialised.
func compileStep(e *xla.Engine, definition moco.Step, views benchViews, devices int, lr float64, seed uint64) (*timedStep, error) {
	definition.Views = views.viewer
	m, err := mesh.New(e, devices)
	if err != nil {
		return nil, err
	}
	s, err := step.New(m, definition, seed)
	if err != nil {
		return nil, err
	}
	if err := s.Compile(views.side, views.channels); err != nil {
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

// timeSteps compiles the step, warms it up and times it.
func timeSteps(ctx context.Context, e *xla.Engine, definition moco.Step, views benchViews, devices, repeat int,
	config run.Config,
) (benchRow, error) {
	row := benchRow{Program: "mocotpu", Variant: e.EngineName(), Devices: devices, Views: views.name}
	start := time.Now()
	s, err := compileStep(e, definition, views, devices, config.Optim.LR, config.Run.Seed)
	if err != nil {
		return row, err
	}
	defer s.Close()
	row.CompileSeconds = time.Since(start).Seconds()
	row.MemoryBytes = programMemory(e)
	times := make([]float64, 0, repeat)
	for i := range repeat + 1 {
		if ctx.Err() != nil {
			return row, ctx.Err()
		}
		loss, took, err := s.run()
		switch {
		case err != nil:
			return row, err
		case math.IsNaN(float64(loss)) || math.IsInf(float64(loss), 0):
			return row, fmt.Errorf("bench: the loss of step %d is %v, want a number: try a lower --lr", i, loss)
		case i == 0:
			row.Loss = float64(loss)
		default:
			times = append(times, float64(took)/float64(time.Millisecond))
		}
	}
	row.setTimes(times, definition.Batch)
	return row, nil
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
