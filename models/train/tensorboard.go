package train

import (
	"fmt"

	"github.com/mocotpu/mocotpu/models/format/tfevents"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// TensorBoard is a [Reporter] that writes a run's metrics as TensorBoard's events, and passes all on to another.
type TensorBoard struct {
	Reporter
	// Dir is the folder for the events. It is made with the first of them: before it there may be no run directory.
	Dir string
	// Disk is where it is. Default: the real one.
	Disk durable.FileSystem

	first, last int // the step that the file begins with, which may not be there yet, and the last one told of
	out         *tfevents.Writer
	err         error // of the first write that failed: the run goes on without events
}

// Step implements [Reporter].
func (t *TensorBoard) Step(done, total int) {
	if done <= t.last || t.last == 0 && t.out == nil { // done again, from a checkpoint, or the first
		t.begin(done)
	}
	t.last = done
	t.Reporter.Step(done, total)
}

// begin has the next events go to a new file, which tells TensorBoard to forget what others have from a step on.
func (t *TensorBoard) begin(step int) {
	if t.out != nil {
		if err := t.out.Close(); t.err == nil {
			t.err = err
		}
	}
	t.out, t.first = nil, step
}

// Row implements [Reporter].
func (t *TensorBoard) Row(r run.Row) {
	var all []tfevents.Scalar
	for _, s := range []struct {
		tag   string
		value run.Float
	}{
		{"loss/infonce", r.Loss},
		{"loss/chance", r.Chance},
		{"contrast/top1", r.Top1},
		{"contrast/top5", r.Top5},
		{"similarity/positive", r.Positive},
		{"similarity/negative", r.Negative},
		{"keys/spread", r.Spread},
		{"keys/queue_fill", r.QueueFill},
		{"optim/lr", r.LR},
		{"optim/grad_norm", r.GradNorm},
		{"time/images_per_second", r.Time.ImagesPerSecond},
		{"time/data_wait", r.Time.DataWait},
	} {
		all = append(all, tfevents.Scalar{Tag: s.tag, Value: float64(s.value)})
	}
	t.write(r.Step, all)
	t.Reporter.Row(r)
}

// KNN implements [Reporter].
func (t *TensorBoard) KNN(r run.KNNRow) {
	var all []tfevents.Scalar
	for _, of := range []struct {
		name   string
		values []run.Float
	}{{"backbone", r.Backbone}, {"projection", r.Projection}, {"pixels", r.Pixels}} {
		for i, v := range of.values {
			all = append(all, tfevents.Scalar{Tag: fmt.Sprintf("knn_%s/k=%d", of.name, r.K[i]), Value: float64(v)})
		}
	}
	if f := r.LabelFree; f != nil {
		all = append(all, labelFreeScalars("backbone", &f.Backbone)...)
		all = append(all, labelFreeScalars("projection", f.Projection)...)
	}
	if r.Step > 0 && (t.last == 0 || r.Step < t.last) { // made up for, of the checkpoint that the run goes on from
		t.begin(r.Step + 1)
		t.last = r.Step
	}
	t.write(r.Step, all)
	t.Reporter.KNN(r)
}

func labelFreeScalars(of string, g *run.Geometry) []tfevents.Scalar {
	if g == nil {
		return nil
	}
	var all []tfevents.Scalar
	for _, s := range []struct {
		name  string
		value run.Float
	}{{"rank", g.Rank}, {"alignment", g.Alignment}, {"uniformity", g.Uniformity}, {"retrieval", g.Retrieval}} {
		all = append(all, tfevents.Scalar{Tag: "label_free_" + of + "/" + s.name, Value: float64(s.value)})
	}
	return all
}

func (t *TensorBoard) write(step int, all []tfevents.Scalar) {
	if t.err == nil && t.out == nil {
		if t.Disk == nil {
			t.Disk = durable.Disk{}
		}
		t.out, t.err = tfevents.Create(t.Disk, t.Dir, t.first)
	}
	if t.err == nil {
		t.err = t.out.Write(step, all...)
	}
}

// Close returns the first failure: the run went on without it.
func (t *TensorBoard) Close() error {
	if t.out != nil {
		if err := t.out.Close(); t.err == nil {
			t.err = err
		}
	}
	return t.err
}
