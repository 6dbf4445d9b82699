package selftest

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// stepFiles are three steps of MoCo v1 on the small-stem ResNet-18, and one symmetric step of v2 with the MLP head on a
// narrow net with the ImageNet stem. The queue wraps in both.
var stepFiles = []string{"torch_v2.json", "torch_v1.json"} // the short one first

// filesOf are those for a precision: where little of it is compared, the short run tells as much.
func filesOf(precision string) []string {
	if precision == resnet.Float32 {
		return stepFiles
	}
	return stepFiles[:1]
}

// recordedStep is a recorded run.
type recordedStep struct {
	Config struct {
		Arch        string    `json:"arch"`
		Stem        string    `json:"stem"`
		Head        string    `json:"head"`
		Width       int       `json:"width"`
		Dim         int       `json:"dim"`
		ImageSize   int       `json:"image_size"`
		Batch       int       `json:"batch"`
		QueueLen    int       `json:"queue_len"`
		Groups      int       `json:"groups"`
		Pointer     int       `json:"pointer"`
		KeyMomentum float64   `json:"key_momentum"`
		Temperature float64   `json:"temperature"`
		Symmetric   bool      `json:"symmetric"`
		LRs         []float32 `json:"lrs"`
		WeightDecay float64   `json:"weight_decay"`
		SGDMomentum float64   `json:"sgd_momentum"`
	} `json:"config"`
	Order        []int           `json:"order"`
	Steps        [][]float64     `json:"steps"`
	FinalPointer int32           `json:"final_pointer"`
	Tensors      []parity.Record `json:"tensors"`
}

func (r recordedStep) definition(precision string) moco.Step {
	c := r.Config
	return moco.Step{
		Encoder: resnet.Config{
			Arch: c.Arch, Width: c.Width, Stem: c.Stem, Head: c.Head, Dim: c.Dim,
			Precision: precision, Remat: resnet.RematNone,
		},
		Views: parity.Affine{}, ImageSize: c.ImageSize, SGDMomentum: c.SGDMomentum, WeightDecay: c.WeightDecay,
		Config: moco.Config{
			Batch: c.Batch, Queue: c.QueueLen, KeyMomentum: c.KeyMomentum, Temperature: c.Temperature,
			Groups: c.Groups, Shuffle: true, Symmetric: c.Symmetric,
		},
	}
}

// stepFollows holds figures, both encoders, running statistics, SGD's buffers, the queue and its pointer to PyTorch's.
func stepFollows(ctx context.Context, s *session, r *Result, precision string) error {
	e, err := s.forPrecision(precision)
	if err != nil {
		return err
	}
	t := toleranceOf[arithmetic(e.EngineName(), precision)]
	for _, file := range filesOf(precision) {
		if err := ctx.Err(); err != nil {
			return err
		}
		var recorded recordedStep
		if err := parity.Load(s.recorded, file, &recorded); err != nil {
			return err
		}
		if err := recorded.check(e, precision, t, r); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// check runs the recorded steps on an engine's first device.
func (recorded recordedStep) check(e Engine, precision string, t tolerances, r *Result) error {
	c := recorded.definition(precision)
	order := c.ShuffleOrder()
	if !slices.Equal(order, recorded.Order) {
		return fmt.Errorf("shuffle order %v, want %v", order, recorded.Order)
	}
	m, err := mesh.New(e, 1)
	if err != nil {
		return err
	}
	st, err := step.New(m, c, 1)
	if err != nil {
		return err
	}
	if err := recorded.begin(st); err != nil {
		return err
	}
	if err := st.Compile(c.ImageSize, 3); err != nil {
		return err
	}
	defer st.Close()
	for i, lr := range recorded.Config.LRs {
		figures, err := st.RunTensors(parity.StepInputs(c.Batch, c.ImageSize, order, c.Symmetric, fmt.Sprint(i), lr)...)
		if err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		if err := checkFigures(figures[:], recorded.Steps[i], t, r); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	pointer, err := st.Store().GetVariable(moco.PointerName).Value()
	if err != nil {
		return err
	}
	if got := tensors.ToScalar[int32](pointer); got != recorded.FinalPointer {
		return fmt.Errorf("queue pointer %d, want %d", got, recorded.FinalPointer)
	}
	for _, record := range recorded.Tensors {
		kind, limit := t.ofVariable(record.Name)
		values, err := torchValues(st, record)
		if err != nil {
			return err
		}
		distance, err := record.Check(values, limit)
		r.worst(kind, distance, limit)
		if err != nil {
			return err
		}
	}
	return nil
}

// begin sets the state in which the recorded run began.
func (recorded recordedStep) begin(st *step.Step) error {
	c := st.Definition()
	weights := model.NewStore()
	if err := moco.Init(weights, c, 1); err != nil {
		return err
	}
	for _, scope := range []string{moco.QueryScope, moco.KeyScope} {
		if err := parity.SetWeights(weights, scope, scope, torchLayout); err != nil {
			return err
		}
	}
	for v := range weights.IterVariables() {
		value, err := v.Value()
		if err == nil {
			err = st.Set(step.Name(v), value)
		}
		if err != nil {
			return err
		}
	}
	queue := tensors.FromFlatDataAndDimensions(parity.UnitRows("queue", c.Queue, c.Encoder.Dim), c.Queue, c.Encoder.Dim)
	if err := st.Store().GetVariable(moco.QueueName).SetValue(queue); err != nil {
		return err
	}
	return st.Store().GetVariable(moco.PointerName).SetValue(tensors.FromValue(int32(recorded.Config.Pointer)))
}

func checkFigures(got []float32, want []float64, t tolerances, r *Result) error {
	if len(got) != moco.NumFigures || len(want) != moco.NumFigures {
		return fmt.Errorf("%d figures, want %d, recorded %d", len(got), moco.NumFigures, len(want))
	}
	for i, w := range want {
		kind, limit, scale := "figures", t.figure, 1.0
		switch i {
		case moco.FigureLoss, moco.FigureLossQuery, moco.FigureLossKey:
			kind, limit, scale = "loss", t.loss, max(math.Abs(w), t.figure)
		case moco.FigureGradientNorm:
			kind, limit, scale = "gradient norm", t.gradient, math.Abs(w)
		}
		d := math.Abs(float64(got[i])-w) / scale
		r.worst(kind, d, limit)
		if !(d <= limit) {
			return fmt.Errorf("figure %d is %.9g, want %.9g: got %v, want %v", i, got[i], w, got, want)
		}
	}
	return nil
}

// torchValues are the values of a recorded variable in torch's layout.
func torchValues(st *step.Step, record parity.Record) ([]float32, error) {
	v := st.Store().GetVariable(record.Name)
	if v == nil {
		return nil, fmt.Errorf("no variable %s", record.Name)
	}
	flat := make([]float32, v.Shape().Size())
	if err := st.Copy(flat, record.Name); err != nil {
		return nil, err
	}
	values, dims := resnet.ToTorch(flat, st.Dims(v))
	if !slices.Equal(dims, record.Dims) {
		return nil, fmt.Errorf("%s has torch dimensions %v, want %v", record.Name, dims, record.Dims)
	}
	return values, nil
}
