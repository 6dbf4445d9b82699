package xla_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/janpfeifer/must"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// No program has a fusion of YNNPACK's, though this XLA would make some of sums unless it is told not to.
func TestNoYNNFusions(t *testing.T) {
	if *child {
		e := must.M1(xla.Open("cpu", xla.Options{}))
		product := must.M1(NewExec(e, func(x, y *Node) *Node { return ReduceAllSum(Tanh(Dot(x, y).Product())) }))
		must.M1(product.Call(tensors.FromValue(make2D(256)), tensors.FromValue(make2D(256))))
		_, program, err := e.Programs()[0].Serialized()
		must.M(err)
		if bytes.Contains(program, []byte("__ynn_fusion")) {
			os.Stdout.WriteString("CHILD has a fusion\n")
		} else {
			os.Stdout.WriteString("CHILD has none\n")
		}
		return
	}
	xlatest.CPU(t, 1)
	for flags, want := range map[string]string{
		"": "CHILD has none", "--xla_cpu_experimental_ynn_fusion_type=reduce": "CHILD has a fusion",
	} {
		c := exec.Command(os.Args[0], "-test.run=^TestNoYNNFusions$", "-child")
		c.Env = append(os.Environ(), "XLA_FLAGS="+flags)
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("XLA_FLAGS=%s: got %v\n%s\nwant %q", flags, err, out, want)
		}
	}
}
