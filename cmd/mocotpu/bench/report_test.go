package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
	"golang.org/x/perf/benchfmt"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

const mib = 1 << 20

// compared is a report with all there can be: several devices, both precisions, both measurements, and what is missing.
func compared() *Report {
	r := newReport(map[string]string{"mocotpu": "(devel)", "revision": "0123456789abcdef+changes"})
	r.Machine = Machine{CPU: "Abacus 9", Cores: 2, OS: "linux", Arch: "amd64", Load: 0.25}
	r.Command, r.Source = "mocotpu bench peers", "1024 images drawn for the purpose, canvas 32"
	r.noteEngine(engineInfo{"cpu", "1.2", 1})
	r.describe(run.CIFAR10())
	p := comparison{report: r}
	p.config.MoCo.Batch = 10
	p.take(whatStep, programOurs, "cpu", "float32", 1, answer{FirstMS: 3020, MS: []float64{30, 20, 10}, Losses: []float64{4, 3, 2, 1}, PeakBytes: 100 * mib, DeviceBytes: 20*mib + 1})
	p.take(whatStep, programOurs, "cpu", "float32", 8, answer{FirstMS: 1040, MS: []float64{40}, Losses: []float64{4, 3.3}, PeakBytes: 110 * mib})
	torch := map[string]string{"torch": "9.9"}
	p.take(whatStep, programTorch, "contiguous", "float32", 1, answer{Versions: torch, FirstMS: 30, MS: []float64{40}, Losses: []float64{4.004, 3}})
	p.take(whatStep, programJAX, "jit", "float32", 1, answer{Missing: "killed after 1s (--limit)"})
	p.take(whatEpoch, programTorch, "contiguous", "float32", 1, answer{FirstMS: 50, MS: []float64{50, 50, 20}})
	p.take(whatEpoch, programOurs, "cpu", "float32", 1, answer{FirstMS: 50, MS: []float64{10}})
	p.take(whatStep, programTorch, "channels-last", "bfloat16", 1, answer{FirstMS: 30, MS: []float64{10}, Losses: []float64{400}})
	r.compare("float32")
	return r
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	must.M(compared().Write(&b, "table"))
	want := `machine: Abacus 9, 2 cores, linux/amd64, load 0.2 at the start
command: mocotpu bench peers
versions: engine cpu, mocotpu (devel), plugin 1.2, revision 0123456789ab+changes, torch 9.9
settings: arch resnet18, batch 512, width 64, stem small, head linear, dim 128, image-size 32, bn-groups 8, shuffle true, symmetric false, queue 4096, remat none
images: 1024 images drawn for the purpose, canvas 32

benchmark  program  variant        precision  replicas  ms/op  fastest  img/s  compile s  ratio  peak MiB  MiB/device  losses                    missing
Step       mocotpu  cpu            float32    1         20.0   10.0     500.0  3.0        2.00   100       20          4.0000 to 1.0000 in 4     -
Step       mocotpu  cpu            float32    8         40.0   -        250.0  1.0        1.00   110       -           4.0000 to 3.3000 in 2     -
Step       PyTorch  contiguous     float32    1         40.0   -        250.0  -          1.00   -         -           4.0040 to 3.0000 in 2     -
Step       JAX      jit            float32    1         -      -        -      -          -      -         -           -                         killed after 1s (--limit)
Epoch      PyTorch  contiguous     float32    1         40.0   -        250.0  -          1.00   -         -           -                         -
Epoch      mocotpu  cpu            float32    1         10.0   -        1000   0.0        4.00   -         -           -                         -
Step       PyTorch  channels-last  bfloat16   1         10.0   -        1000   0.0        1.00   -         -           400.0000 to 400.0000 in 1  -

Step, float32: mocotpu on 1 device(s) does 2.00x the images per second of the best peer, PyTorch contiguous
Epoch, float32: mocotpu on 1 device(s) does 4.00x the images per second of the best peer, PyTorch contiguous
losses of the float32 steps: 4.0e-03 apart in the first, 3.0e-01 in step 2
`
	squeeze := func(s string) string {
		var lines []string
		for line := range strings.Lines(s) {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		return strings.Join(lines, "\n")
	}
	if got := b.String(); squeeze(got) != squeeze(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Go's own reader of benchmarks reads all that was measured: each timed step is a sample, what was measured once stands in
// one line, and reports of two commits differ in the revision only.
func TestBenchFormat(t *testing.T) {
	var b bytes.Buffer
	r := compared()
	must.M(r.Write(&b, "bench"))
	var got []string
	config := map[string]string{}
	reader := benchfmt.NewReader(strings.NewReader(b.String()), "report")
	for reader.Scan() {
		result, ok := reader.Result().(*benchfmt.Result)
		if !ok {
			if _, fault := reader.Result().(*benchfmt.SyntaxError); fault {
				t.Errorf("%v", reader.Result())
			}
			continue
		}
		base, parts := result.Name.Parts()
		line := fmt.Sprintf("%s %q %d", base, parts, result.Iters)
		for _, v := range result.Values {
			value, unit := v.Value, v.Unit
			if v.OrigUnit != "" {
				value, unit = v.OrigValue, v.OrigUnit
			}
			line += fmt.Sprintf(" %v %s", value, unit)
		}
		got = append(got, line)
		for _, c := range result.Config {
			config[c.Key] = string(c.Value)
		}
	}
	must.M(reader.Err())
	name := func(program string, replicas int) string {
		return fmt.Sprintf(`["/arch=resnet18" "/batch=512" "/program=%s/precision=float32" "/replicas=%d"]`, program, replicas)
	}
	name2 := strings.NewReplacer(`/variant`, `" "/variant`, `/precision`, `" "/precision`)
	ours, eight, torch := name2.Replace(name("mocotpu/variant=cpu", 1)), name2.Replace(name("mocotpu/variant=cpu", 8)), name2.Replace(name("PyTorch/variant=contiguous", 1))
	want := []string{
		"Step " + ours + " 1 3e+07 ns/op 333.333 images/s 3e+09 compile-ns 2.0971521e+07 device-B 1.048576e+08 peak-B",
		"Step " + ours + " 1 2e+07 ns/op 500 images/s",
		"Step " + ours + " 1 1e+07 ns/op 1000 images/s",
		"Step " + eight + " 1 4e+07 ns/op 250 images/s 1e+09 compile-ns 1.1534336e+08 peak-B",
		"Step " + torch + " 1 4e+07 ns/op 250 images/s",
		"Epoch " + torch + " 3 4e+07 ns/op 250 images/s",
		"Epoch " + ours + " 1 1e+07 ns/op 1000 images/s 4e+07 compile-ns",
	}
	if len(got) != 8 || strings.Join(got[:7], "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for key, value := range map[string]string{"goos": "linux", "cpu": "Abacus 9", "engine": "cpu", "revision": "0123456789ab+changes", "queue": "4096"} {
		if config[key] != value {
			t.Errorf("%s is %q, want %q", key, config[key], value)
		}
	}
	var other bytes.Buffer
	r.Versions["revision"], r.Versions["plugin"], r.Machine.Load, r.Command = "f00", "1.3", 7, "another"
	must.M(r.Write(&other, "bench"))
	var differ []string
	lines := strings.Split(b.String(), "\n")
	for i, line := range strings.Split(other.String(), "\n") {
		if line != lines[i] && !strings.HasPrefix(line, "#") {
			differ = append(differ, line)
		}
	}
	if fmt.Sprint(differ) != "[revision: f00]" {
		t.Errorf("lines %q differ, want the revision's", differ)
	}
}

// Names are safe for benchstat, whatever a label's value.
func TestFullName(t *testing.T) {
	r := Report{Labels: []Label{{"arch", "a/b c"}}}
	if got := r.fullName(Row{Name: "Read", Labels: []Label{{"jpeg", ""}, {"n", "1"}}}); got != "BenchmarkRead/arch=a_b_c/n=1" {
		t.Errorf("name %q", got)
	}
}

// A report is the same after JSON, and no other format is known.
func TestJSON(t *testing.T) {
	var b bytes.Buffer
	r := compared()
	must.M(r.Write(&b, "json"))
	var back Report
	must.M(json.Unmarshal(b.Bytes(), &back))
	if !reflect.DeepEqual(*r, back) {
		t.Errorf("%+v, want %+v", back, *r)
	}
	if err := r.Write(&b, "xml"); !errors.Is(err, settings.ErrInvalid) {
		t.Errorf("error %v, want a settings.ErrInvalid", err)
	}
}
