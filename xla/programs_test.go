package xla_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

var update = flag.Bool("update", false, "record the 8-device program for the tests of package hlo")

// The 8-device program of the step has one all-to-all of the uint8 images, one all-gather of the features that enter the
// queue, one combined all-reduce, and no other collective; every convolution runs on a device's own images.
func TestReadProgram(t *testing.T) {
	e := xlatest.CPU(t, 8)
	p := program(t, e, func() { newStep(t, e, true).run(0) })
	m := must.M1(p.Optimized())
	type collective struct {
		op    string
		bytes int64
	}
	var got []collective
	for _, c := range m.Collectives() {
		got = append(got, collective{c.Op, c.Bytes})
		if len(c.Groups) != 1 || !slices.Equal(c.Groups[0], []int64{0, 1, 2, 3, 4, 5, 6, 7}) {
			t.Errorf("%s: got groups %v, want one of all 8", c.Op, c.Groups)
		}
		if c.Count != 1 {
			t.Errorf("%s: got %d instructions, want 1", c.Op, c.Count)
		}
	}
	want := []collective{
		{"all-to-all", batch / groups * size * size * channels},
		{"all-reduce", 4 * (3*3*channels*width + width*features + 1)},
		{"all-gather", 4 * batch * features},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got collectives %v, want %v", got, want)
	}
	forward := 0
	for _, c := range xlatest.Convolutions(m) {
		if c.Batch != batch/groups {
			t.Errorf("%s (%s) runs on %d images, want %d: %s, %s -> %s", c.Name, c.OpName, c.Batch, batch/groups, c.InputShape,
				c.KernelShape, c.OutputShape)
		}
		if !c.FilterGradient {
			forward++
		}
	}
	if n := len(xlatest.Convolutions(m)); n != 5 || forward != 3 {
		t.Errorf("got %d convolutions, %d of them no kernel gradients; want 2 forward, 1 backward, 2 kernel gradients", n, forward)
	}
	if p.Devices != 8 || !strings.Contains(p.StableHLO(), "@main") {
		t.Errorf("got a program for %d devices: %.80s", p.Devices, p.StableHLO())
	}
	counted := must.M1(p.Optimized()).Cost() // what counts for engines without an analysis of their own agrees with XLA
	if cost := must.M1(p.Cost()); math.Abs(counted.Flops/cost["flops"]-1) > 0.01 || math.Abs(counted.Bytes/cost["bytes accessed"]-1) > 0.01 {
		t.Errorf("counted %+v, XLA %g flops and %g bytes", counted, cost["flops"], cost["bytes accessed"])
	}
	if cost := must.M1(p.Cost()); cost["flops"] < 2*batch/groups*size*size*3*3*channels*width/2 || cost["bytes accessed"] <= 0 {
		t.Errorf("cost %v", cost)
	}
	if *update {
		record(t, p)
	}
}

// On one device there is nothing to exchange, and the convolutions run on all images.
func TestReadProgramOfOneDevice(t *testing.T) {
	e := xlatest.CPU(t, 1)
	m := must.M1(program(t, e, func() { newStep(t, e, false).run(0) }).Optimized())
	if c := m.Collectives(); len(c) != 0 {
		t.Errorf("got collectives %v, want none", c)
	}
	for _, c := range xlatest.Convolutions(m) {
		if c.Batch != batch {
			t.Errorf("%s runs on %d images, want %d", c.Name, c.Batch, batch)
		}
	}
	if xlatest.AliasedBytes(m) != 0 {
		t.Errorf("%d bytes are aliased though nothing was donated", xlatest.AliasedBytes(m))
	}
}

// The same step built twice is the same text: nothing depends on the order of a map.
func TestProgramTextIsDeterministic(t *testing.T) {
	e := xlatest.CPU(t, 8)
	var texts []string
	for range 2 {
		texts = append(texts, program(t, e, func() { newStep(t, e, true).run(0) }).StableHLO())
	}
	// Execs are numbered and named after their function, so the module's name is left out.
	for i, text := range texts {
		_, texts[i], _ = strings.Cut(text, "\n")
	}
	if texts[0] != texts[1] {
		t.Errorf("got two texts:\n%s\n%s", texts[0], texts[1])
	}
}

func record(t *testing.T, p *xla.Program) {
	format, data, err := p.Serialized()
	if err != nil {
		t.Fatal(err)
	}
	if format != "hlo_with_config" {
		t.Fatalf("format %q", format)
	}
	var b bytes.Buffer
	z := must.M1(gzip.NewWriterLevel(&b, gzip.BestCompression))
	must.M1(z.Write(data))
	must.M(z.Close())
	must.M(os.WriteFile("hlo/testdata/step8.pb.gz", b.Bytes(), 0o666))
	t.Logf("recorded %d bytes as %d", len(data), b.Len())
}
