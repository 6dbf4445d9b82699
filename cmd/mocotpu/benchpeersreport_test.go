package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/run"
)

// The table of a report with all there can be: several devices, both precisions, both measurements, and what is missing.
func TestPeersTable(t *testing.T) {
	r := peersReport{
		benchHead: benchHead{Command: "mocotpu bench peers", Machine: benchMachine{CPU: "Abacus", Cores: 2, OS: "linux/amd64", Load: 0.25}},
		Engine:    benchEngineInfo{"cpu", "1.2", 1}, Mocotpu: map[string]string{"mocotpu": "(devel)", "revision": "0123456789abcdef"},
		Config: run.CIFAR10(), Source: "1024 images drawn for the purpose, canvas 32",
	}
	const mib = 1 << 20
	r.add(peerRow{What: "step", Program: programOurs, Variant: "cpu", Devices: 1, Precision: "float32"},
		peerAnswer{FirstMS: 3020, MS: []float64{30, 20, 10}, Losses: []float64{4, 3, 2, 1}, PeakBytes: 100 * mib, DeviceBytes: 20 * mib}, 10)
	r.add(peerRow{What: "step", Program: programOurs, Variant: "cpu", Devices: 8, Precision: "float32"},
		peerAnswer{FirstMS: 1040, MS: []float64{40}, Losses: []float64{4, 3.3}, PeakBytes: 110 * mib}, 10)
	r.add(peerRow{What: "step", Program: programTorch, Variant: "contiguous", Devices: 1, Precision: "float32"},
		peerAnswer{Versions: "torch 9.9", FirstMS: 30, MS: []float64{40}, Losses: []float64{4.004, 3}}, 10)
	r.add(peerRow{What: "step", Program: programJAX, Variant: "jit", Devices: 1, Precision: "float32", Missing: "killed after 1s (--limit)"}, peerAnswer{}, 10)
	r.add(peerRow{What: "epoch", Program: programTorch, Variant: "contiguous", Devices: 1, Precision: "float32"},
		peerAnswer{Versions: "torch 9.9", FirstMS: 50, MS: []float64{50, 50, 20}}, 10)
	r.add(peerRow{What: "epoch", Program: programOurs, Variant: "cpu", Devices: 1, Precision: "float32"},
		peerAnswer{FirstMS: 50, MS: []float64{10}}, 10)
	r.add(peerRow{What: "step", Program: programTorch, Variant: "channels last", Devices: 1, Precision: "bfloat16"},
		peerAnswer{Versions: "torch 9.9", FirstMS: 30, MS: []float64{10}, Losses: []float64{400}}, 10)
	r.relate()
	var b bytes.Buffer
	must.M(r.writeTable(&b))
	want := `machine: Abacus, 2 cores, linux/amd64, load 0.2 at the start; engine cpu, plugin 1.2; mocotpu (devel), revision 0123456789ab; torch 9.9; command: mocotpu bench peers
step: resnet18 of width 64, small stem, linear head, float32, batch 512 of 32 px, 8 BatchNorm groups, shuffle true, queue 4096
epoch: views cifar, packed set: 1024 images drawn for the purpose, canvas 32

what   program                 precision  compile s  ms/step  img/s   ratio  peak MiB  device MiB  loss, first to last
step   mocotpu cpu, 1 device   float32    3.0        20.0     500.0   2.00   100       20          4.0000 to 1.0000 in 4
step   mocotpu cpu, 8 devices  float32    1.0        40.0     250.0   1.00   110       -           4.0000 to 3.3000 in 2
step   PyTorch contiguous      float32    0.0        40.0     250.0   1.00   -         -           4.0040 to 3.0000 in 2
step   JAX jit                 float32    -          -        -       -      -         -           killed after 1s (--limit)
step   PyTorch channels last   bfloat16   0.0        10.0     1000.0  1.00   -         -           400.0000 to 400.0000 in 1
epoch  PyTorch contiguous      float32    0.0        40.0     250.0   1.00   -         -           -
epoch  mocotpu cpu, 1 device   float32    0.0        10.0     1000.0  4.00   -         -           -

step, float32: mocotpu cpu, 1 device does 2.00x the images per second of the best peer, PyTorch contiguous
epoch, float32: mocotpu cpu, 1 device does 4.00x the images per second of the best peer, PyTorch contiguous
losses of the float32 steps: 4.0e-03 apart in the first, 3.0e-01 in step 2
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The scripts' variants are those that the command asks for.
func TestTorchVariantNames(t *testing.T) {
	text := string(must.M1(peerScripts.ReadFile("peer/torch_peer.py")))
	for _, variant := range torchVariants {
		if strings.Count(text, `"`+variant+`": (`) != 1 {
			t.Errorf("torch_peer.py has no variant %q", variant)
		}
	}
	if n := strings.Count(text, ": (torch."); n != len(torchVariants) {
		t.Errorf("torch_peer.py has %d variants, want %d", n, len(torchVariants))
	}
}
