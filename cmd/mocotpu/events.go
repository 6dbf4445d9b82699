package main

import (
	"fmt"

	"github.com/mocotpu/mocotpu/models/format/tfevents"
	"github.com/mocotpu/mocotpu/models/run"
)

// eventReporter shows a run as its reporter does, and writes its metrics as TensorBoard events, too.
type eventReporter struct {
	*reporter
	dir   string
	first int // the first step of this process's part of the run
	out   *tfevents.Writer
	err   error // of the first write that failed: the run goes on without events
}

// Step implements [train.Reporter].
func (e *eventReporter) Step(done, total int) {
	if e.first == 0 {
		e.first = done
	}
	e.reporter.Step(done, total)
}

// Row implements [train.Reporter].
func (e *eventReporter) Row(r run.Row) {
	e.write(r.Step,
		tfevents.Scalar{Tag: "loss/infonce", Value: float64(r.Loss)}, tfevents.Scalar{Tag: "loss/chance", Value: float64(r.Chance)},
		tfevents.Scalar{Tag: "contrast/top1", Value: float64(r.Top1)}, tfevents.Scalar{Tag: "contrast/top5", Value: float64(r.Top5)},
		tfevents.Scalar{Tag: "similarity/positive", Value: float64(r.Positive)},
		tfevents.Scalar{Tag: "similarity/negative", Value: float64(r.Negative)},
		tfevents.Scalar{Tag: "keys/spread", Value: float64(r.Spread)}, tfevents.Scalar{Tag: "keys/queue_fill", Value: float64(r.QueueFill)},
		tfevents.Scalar{Tag: "optim/lr", Value: float64(r.LR)}, tfevents.Scalar{Tag: "optim/grad_norm", Value: float64(r.GradNorm)},
		tfevents.Scalar{Tag: "time/images_per_second", Value: float64(r.Time.ImagesPerSecond)},
		tfevents.Scalar{Tag: "time/data_wait", Value: float64(r.Time.DataWait)})
	e.reporter.Row(r)
}

// KNN implements [train.Reporter].
func (e *eventReporter) KNN(r run.KNNRow) {
	var all []tfevents.Scalar
	for _, of := range []struct {
		name   string
		values []run.Float
	}{{"backbone", r.Backbone}, {"projection", r.Projection}, {"pixels", r.Pixels}} {
		for i, v := range of.values {
			all = append(all, tfevents.Scalar{Tag: fmt.Sprintf("knn_%s/k=%d", of.name, r.K[i]), Value: float64(v)})
		}
	}
	e.write(r.Step, all...)
	e.reporter.KNN(r)
}

// write opens the file with the first event: before it there may be no run directory.
func (e *eventReporter) write(step int, all ...tfevents.Scalar) {
	if e.err == nil && e.out == nil {
		e.out, e.err = tfevents.Create(e.dir, e.first)
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
