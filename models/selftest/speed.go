package selftest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
)

// Speed is how fast a preset's step is, from images that are on the devices to the new state. It is measured, not judged.
type Speed struct {
	Preset          string  `json:"preset"`
	Precision       string  `json:"precision"`
	Devices         int     `json:"devices"`
	Batch           int     `json:"batch"`
	CompileSeconds  float64 `json:"compile_seconds"`
	StepSeconds     float64 `json:"step_seconds"`
	ImagesPerSecond float64 `json:"images_per_second"`
	// Missing says why there is no time.
	Missing string `json:"missing,omitempty"`
}

// A speed is the mean of at least speedSteps steps, over at least speedTime.
const (
	speedSteps = 3
	speedTime  = 3 * time.Second
)

// presets are those whose speed is measured on an engine: what it does in seconds.
func presets(engine string) []string {
	switch engine {
	case "go":
		return []string{"glyphs-go"}
	case "cpu":
		return []string{"glyphs"}
	}
	return []string{"glyphs", "cifar10", "moco-v1", "moco-v2"}
}

// timed are the precisions in which they are measured.
func timed(engine string) []string {
	if engine == "cpu" {
		return []string{resnet.Float32}
	}
	return precisions(engine)
}

// speed measures a preset in a precision.
func (s *session) speed(ctx context.Context, preset, precision string) Speed {
	v := Speed{Preset: preset, Precision: precision}
	err := ctx.Err()
	if err == nil {
		err = s.measure(ctx, &v)
	}
	switch {
	case ctx.Err() != nil:
		v.Missing = "no time was left"
	case err != nil:
		v.Missing = err.Error()
	}
	return v
}

func (s *session) measure(ctx context.Context, v *Speed) error {
	c, err := run.Preset(v.Preset)
	if err != nil {
		return err
	}
	c.Encoder.Precision = v.Precision
	definition := c.Step()
	e, err := s.forPrecision(v.Precision)
	if err != nil {
		return err
	}
	v.Batch, v.Devices = c.MoCo.Batch, min(e.NumDevices(), c.MoCo.Groups)
	for c.MoCo.Groups%v.Devices != 0 {
		v.Devices--
	}
	side, channels := c.Data.Image()
	start := s.now()
	st, err := step.Compiled(e, v.Devices, definition, 1, side, channels)
	if err != nil {
		return err
	}
	defer st.Close()
	v.CompileSeconds = s.now().Sub(start).Seconds()
	slot, err := st.NewSlot()
	if err != nil {
		return err
	}
	defer slot.Close()
	if err := slot.Fill(func(_ int, parts []any) error { return fill(parts, definition) }); err != nil {
		return err
	}
	if _, err := st.Run(slot, 0); err != nil {
		return err
	}
	n, began := 0, s.now()
	for n < speedSteps || s.now().Sub(began) < speedTime {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if _, err := st.Run(slot, 0); err != nil {
			return err
		}
		n++
	}
	v.StepSeconds = s.now().Sub(began).Seconds() / float64(n)
	v.ImagesPerSecond = float64(v.Batch) / v.StepSeconds
	return nil
}

// fill fills a device's parts of a step's inputs: images with noise, and drawn views.
func fill(parts []any, c moco.Step) error {
	views, ok := c.Views.(augment.Config)
	if !ok {
		return fmt.Errorf("views of %T, want an augment.Config", c.Views)
	}
	noise, n := rand.NewPCG(1, 1), views.NumParams()
	for _, part := range parts {
		switch flat := part.(type) {
		case []uint8:
			for i := range flat {
				flat[i] = uint8(noise.Uint64())
			}
		case []float32:
			for i := range len(flat) / n {
				views.Draw(flat[i*n:(i+1)*n], 1, 0, i, 0, 1)
			}
		case nil:
		default:
			return fmt.Errorf("an input of %T, want uint8 or float32", part)
		}
	}
	return nil
}
