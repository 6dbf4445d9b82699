package bench

import (
	"fmt"
	"testing"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// benchReplicas are the device counts of the benchmarks.
var benchReplicas = []int{1, 8}

// BenchmarkStep times the default preset's training step on XLA's CPU, inputs made outside.
func BenchmarkStep(b *testing.B) {
	eachReplicas(b, func(b *testing.B, c run.Config, replicas int) {
		s := benchmarkCompile(b, c, replicas)
		defer s.Close()
		if _, _, err := s.run(); err != nil { // the first run moves the state to the devices
			b.Fatal(err)
		}
		for b.Loop() {
			b.StopTimer()
			args, err := s.inputs()
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if _, err := s.RunTensors(args...); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*c.MoCo.Batch)/b.Elapsed().Seconds(), "images/s")
	})
}

// BenchmarkCompile times the building and compiling of that step.
func BenchmarkCompile(b *testing.B) {
	eachReplicas(b, func(b *testing.B, c run.Config, replicas int) {
		for b.Loop() {
			s := benchmarkCompile(b, c, replicas)
			s.Close()
			xlatest.CPU(b, replicas).Release()
		}
	})
}

// eachReplicas runs f as a sub-benchmark for each device count, named for benchstat.
func eachReplicas(b *testing.B, f func(b *testing.B, c run.Config, replicas int)) {
	c := run.Glyphs()
	for _, replicas := range benchReplicas {
		name := fmt.Sprintf("arch=%s/batch=%d/replicas=%d", c.Encoder.Arch, c.MoCo.Batch, replicas)
		b.Run(name, func(b *testing.B) { f(b, c, replicas) })
	}
}

func benchmarkCompile(b *testing.B, c run.Config, replicas int) *timedStep {
	b.Helper()
	s, err := compileStep(xlatest.CPU(b, replicas), c.Step(), presetViews(c), replicas, c.Optim.LR, c.Run.Seed)
	if err != nil {
		b.Fatal(err)
	}
	return s
}
