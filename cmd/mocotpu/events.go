package main

import (
	"fmt"

	"github.com/mocotpu/mocotpu/models/pretrain"
	"github.com/mocotpu/mocotpu/models/tensorboard"
)

// eventReporter shows a run as its reporter does, and writes its metrics as TensorBoard events, too.
type eventReporter struct {
	*reporter
	dir   string
	first int // the first step of this process's part of the run
	out   *tensorboard.Writer
	err   error // of the first write that failed: the run goes on without events
}

// Step implements [pretrain.Reporter].
func (e *eventReporter) Step(done, total int) {
	if e.first == 0 {
		e.first = done
	}
	e.reporter.Step(done, total)
}

// Row implements [pretrain.Reporter].
func (e *eventReporter) Row(r pretrain.Row) {
	e.write(r.Step,
		tensorboard.Scalar{Tag: "loss/infonce", Value: float64(r.Loss)}, tensorboard.Scalar{Tag: "loss/chance", Value: float64(r.Chance)},
		tensorboard.Scalar{Tag: "contrast/top1", Value: float64(r.Top1)}, tensorboard.Scalar{Tag: "contrast/top5", Value: float64(r.Top5)},
		tensorboard.Scalar{Tag: "similarity/positive", Value: float64(r.Positive)},
		tensorboard.Scalar{Tag: "similarity/negative", Value: float64(r.Negative)},
		tensorboard.Scalar{Tag: "keys/spread", Value: float64(r.Spread)}, tensorboard.Scalar{Tag: "keys/queue_fill", Value: float64(r.QueueFill)},
		tensorboard.Scalar{Tag: "optim/lr", Value: float64(r.LR)}, tensorboard.Scalar{Tag: "optim/grad_norm", Value: float64(r.GradNorm)},
		tensorboard.Scalar{Tag: "time/images_per_second", Value: float64(r.Time.ImagesPerSecond)},
		tensorboard.Scalar{Tag: "time/data_wait", Value: float64(r.Time.DataWait)})
	e.reporter.Row(r)
}

// KNN implements [pretrain.Reporter].
func (e *eventReporter) KNN(r pretrain.KNNRow) {
	var all []tensorboard.Scalar
	for _, of := range []struct {
		name   string
		values []pretrain.Float
	}{{"backbone", r.Backbone}, {"projection", r.Projection}, {"pixels", r.Pixels}} {
		for i, v := range of.values {
			all = append(all, tensorboard.Scalar{Tag: fmt.Sprintf("knn_%s/k=%d", of.name, r.K[i]), Value: float64(v)})
		}
	}
	e.write(r.Step, all...)
	e.reporter.KNN(r)
}

// write opens the file with the first event: before it there may be no run directory.
func (e *eventReporter) write(step int, all ...tensorboard.Scalar) {
	if e.err == nil && e.out == nil {
		e.out, e.err = tensorboard.Create(e.dir, e.first)
	}
	if e.err == nil {
		e.err = e.out.Write(step, all...)
	}
}

// close tells of the first failure.
func (e *eventReporter) close() error {
	if e.out != nil {
		if err := e.out.Close(); e.err == nil {
			e.err = err
		}
	}
	return e.err
}
