//go:build cgo

package train

import (
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/mesh"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// BenchmarkCheckpoint saves and loads the state of MoCo v2: two ResNet-50 encoders, SGD's buffers and 65536 keys, on the
// CPU engine. training-waits-ms is how long a step is held up by a checkpoint, written-ms how long the write beside it
// takes.
func BenchmarkCheckpoint(b *testing.B) {
	c := run.MoCoV2()
	b.Run("arch="+c.Encoder.Arch+"/queue=65536", func(b *testing.B) {
		c.Run.Dir = b.TempDir()
		s, touch := savingSession(b, c)
		var waited, loaded time.Duration
		for b.Loop() {
			s.done++
			before := s.saver.saving.Waited
			must.M(s.save())
			waited += s.saver.saving.Waited - before
			must.M(s.saver.wait())
			start := time.Now()
			saved := must.M1(checkpoint.Load(c.Run.Dir))
			must.M(s.restore(saved.Tensors))
			loaded += time.Since(start)
			b.StopTimer()
			toDevice(touch)
			b.StartTimer()
		}
		perOp := func(d time.Duration) float64 { return float64(d.Milliseconds()) / float64(b.N) }
		b.ReportMetric(perOp(waited), "training-waits-ms")
		b.ReportMetric(perOp(s.saver.saving.Written), "written-ms")
		b.ReportMetric(perOp(loaded), "loaded-ms")
		b.ReportMetric(float64(s.saver.saving.Bytes)/1e6, "MB")
	})
}

// savingSession is a run's part that saves, without data, its state on the device.
func savingSession(b *testing.B, c run.Config) (*session, *mesh.Program) {
	b.Helper()
	s := &session{config: c, report: &recorder{}, now: time.Now, perEpoch: 1 << 20, total: 1 << 20, saved: -1}
	s.definition = c.Step()
	s.order = computationOrder(s.definition.Encoder)
	s.dir = must.M1(run.OpenDir(durable.Disk{}, c.Run.Dir))
	must.M(s.openMetrics())
	s.step = must.M1(step.New(engines.Mesh(b, xlatest.CPU(b, 1), 1), s.definition, 0))
	scalar := tensors.FromScalar(float32(0)).Shape()
	touch := must.M1(s.step.Mesh().Compile("touch", s.step.Store(), []mesh.Input{{Shape: scalar, Replicated: true}},
		func(root *model.Scope, in []*graph.Node) []*graph.Node {
			for v := range s.step.Store().IterVariables() {
				value := v.NodeValue(in[0].Graph())
				v.SetNodeValue(graph.Add(value, graph.ConvertDType(in[0], value.DType())))
			}
			return []*graph.Node{in[0]}
		}))
	b.Cleanup(func() { must.M(s.close()) })
	toDevice(touch)
	return s, touch
}

// toDevice leaves every variable with a value that a program computed.
func toDevice(touch *mesh.Program) {
	for _, out := range must.M1(touch.Run(tensors.FromScalar(float32(0)))) {
		out.MustFinalizeAll()
	}
}
