//go:build cgo

package moco_test

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/internal/trial"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

var (
	bfloat16Mu    sync.Mutex
	bfloat16Trial runner
	bfloat16Text  string
)

// bfloat16Step is trial.Small's step in bfloat16 with its text, compiled once for all tests.
func bfloat16Step(t *testing.T) (runner, string) {
	t.Helper()
	e := xlatest.CPU(t, 1)
	bfloat16Mu.Lock()
	defer bfloat16Mu.Unlock()
	if bfloat16Trial.Trial == nil {
		c := trial.Small()
		c.Encoder.Precision = resnet.BFloat16
		bfloat16Trial = newRunner(t, e, 1, c)
		bfloat16Text = lastText(e)
	}
	return bfloat16Trial, bfloat16Text
}

// lastText is the text of the program that was compiled last.
func lastText(e *xla.Engine) string {
	programs := e.Programs()
	return programs[len(programs)-1].StableHLO()
}

// TestBFloat16IsNearFloat32 holds twelve steps to those of float32. Rounding activations to 8 bits moves the losses by
// 5e-5, the parameters by 2e-5 and SGD's buffers by 8e-2. Statistics in bfloat16 would move the losses by more than
// 1e-1; a head in bfloat16 the first loss by 7e-4 and SGD's buffers by 4e-1; rounding a parameter moves it by 2e-3.
func TestBFloat16IsNearFloat32(t *testing.T) {
	const steps, lr = 12, 0.001
	step, _ := bfloat16Step(t)
	got, want := step.conditioned().run(t, steps, lr), smallStep(t, 1).conditioned().run(t, steps, lr)
	for i := range want.Figures {
		g, w := float64(got.Figures[i][moco.FigureLoss]), float64(want.Figures[i][moco.FigureLoss])
		if d := math.Abs(g-w) / w; !(d <= 2e-4) {
			t.Errorf("step %d: loss %v in bfloat16, %v in float32: relative difference %.2g, want at most 2e-4", i, g, w, d)
		}
		if i == 0 && g == w {
			t.Error("the first losses are equal: the precision has no effect")
		}
	}
	limits := map[string]float64{moco.QueryScope: 1e-4, moco.KeyScope: 1e-4, moco.MomentumScope: 0.2}
	for path, w := range want.State {
		limit, ok := limits[strings.Split(path, "/")[1]]
		if !ok || strings.Contains(path, "running_") {
			continue
		}
		if d := parity.Compare(got.State[path], w).RelL2; !(d <= limit) {
			t.Errorf("%s: relative L2 difference %.2g in bfloat16, want at most %.2g", path, d, limit)
		}
	}
}

// TestPrecisionOfTheProgram reads from the program what is bfloat16 and what float32, and how products of float32 are
// multiplied: exactly where the loss hangs on them.
func TestPrecisionOfTheProgram(t *testing.T) {
	_, inBFloat16 := bfloat16Step(t)
	for precision, text := range map[string]string{"f32": smallStep(t, 1).program.StableHLO(), "bf16": inBFloat16} {
		convolutions, exact, reductions := 0, map[string]int{}, 0
		for _, op := range operations(text) {
			switch op.name {
			case "convolution":
				convolutions++
				if op.types != fmt.Sprint([]string{precision, precision, precision}) || op.precision != "DEFAULT" {
					t.Errorf("%s: a convolution of %s over %s at %s, want %s at DEFAULT", precision, op.layer, op.types, op.precision, precision)
				}
			case "dot_general":
				want := "HIGHEST"
				if op.layer == "input" {
					want = "DEFAULT"
				}
				exact[op.layer]++
				if op.types != "[f32 f32 f32]" || op.precision != want {
					t.Errorf("%s: a matrix product of %s over %s at %s, want f32 at %s", precision, op.layer, op.types, op.precision, want)
				}
			case "reduce": // the gradients of constants are scalars, which nothing uses
				if !op.scalar {
					reductions++
				}
				if !op.scalar && strings.Contains(op.types, "bf16") {
					t.Errorf("%s: %s sums up %s, want float32 statistics and gradients", precision, op.layer, op.types)
				}
			}
		}
		// Twelve convolutions in each encoder, and two gradients of each of the query's.
		if want := 2*12 + 2*12; convolutions != want {
			t.Errorf("%s: %d convolutions, want %d", precision, convolutions, want)
		}
		for _, layer := range []string{"input", "query.fc", "key.fc", "queue", "backward/query.fc"} {
			if exact[layer] == 0 {
				t.Errorf("%s: no matrix product of %s among %v", precision, layer, exact)
			}
		}
		if reductions < 100 {
			t.Errorf("%s: %d reductions, want those of every BatchNorm", precision, reductions)
		}
		signature := text[strings.Index(text, "@main("):]
		if signature = signature[:strings.Index(signature, "\n")]; strings.Contains(signature, "bf16") {
			t.Errorf("%s: an argument or a result is bfloat16: %s", precision, signature)
		}
	}
}

// operation is one of a program's, with the types of its operands and result.
type operation struct {
	name, layer, types, precision string
	scalar                        bool // a result
}

var (
	firstLine = regexp.MustCompile(`^    %\w+ = "stablehlo\.(\w+)"`)
	lastLine  = regexp.MustCompile(`: \((.*)\) -> (tensor<.*>) loc\("(?:(.*)/)?\w+"\)$`)
	element   = regexp.MustCompile(`tensor<(?:\d+x)*(\w+)>`)
	requested = regexp.MustCompile(`<precision (\w+)>, #stablehlo<precision (\w+)>`)
)

func operations(text string) (all []operation) {
	var op operation
	for line := range strings.Lines(text) {
		if m := firstLine.FindStringSubmatch(line); m != nil {
			op = operation{name: m[1]}
		}
		if m := requested.FindStringSubmatch(line); m != nil && m[1] == m[2] {
			op.precision = m[1]
		}
		m := lastLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue
		}
		var types []string
		for _, e := range element.FindAllStringSubmatch(m[1]+m[2], -1) {
			types = append(types, e[1])
		}
		op.types, op.layer, op.scalar = fmt.Sprint(types), m[3], !strings.Contains(m[2], "x")
		all = append(all, op)
	}
	return all
}
