//go:build slow && cgo

package train

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/mesh"
	"github.com/mocotpu/mocotpu/xla/rendezvous"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// costRecord has the cost of several processes measured in full, and written as a record of docs/results.
var costRecord = flag.String("record", "", "file to write what several processes cost to, measured in full")

// full is the same in the processes that the test starts, which are told by the environment.
func full(t *testing.T) bool {
	const variable = "MOCOTPU_TEST_FULL"
	if *costRecord != "" {
		t.Setenv(variable, "1")
	}
	return os.Getenv(variable) != ""
}

// costRow is a row of the record: what one process takes, what several do, and the bytes that they exchange.
type costRow struct {
	what         string
	one, several float64
	sent         float64 // MB a turn
}

// TestCostOfProcessesSlow measures what several processes cost beside one: a step and the sums of gradients, in two processes
// of one device and in one of two, and the host's memory of a process whose run has 64 devices. By default everything is
// small, and shows that the measuring works.
func TestCostOfProcessesSlow(t *testing.T) {
	var rows []costRow
	t.Run("step", func(t *testing.T) {
		c, turns, name := run.Glyphs(), 3, "a step of a small net"
		c.Encoder.Width, c.Encoder.Dim, c.MoCo.Batch, c.MoCo.Groups, c.MoCo.Queue, c.Views.ImageSize, c.Data.TrainImages = 4, 16, 16, 2, 32, 8, 256
		if full(t) {
			c, turns, name = run.Glyphs(), 20, "a step of ResNet-18, batch 128"
			c.Encoder.Arch, c.Encoder.Width, c.MoCo.Batch, c.Data.TrainImages = "resnet18", 64, 128, 256
		}
		if row, ok := compareCost(t, turns, func(e *xla.Engine) func() { return loopOf(t, c, e, 2) }); ok {
			row.what = name
			rows = append(rows, row)
		}
	})
	for _, of := range []struct {
		arch  string
		small int
	}{{"resnet18", 1000}, {"resnet50", 2000}} {
		t.Run(of.arch, func(t *testing.T) {
			n, turns := of.small, 3
			if full(t) {
				n, turns = parameters(of.arch), 20
			}
			if row, ok := compareCost(t, turns, func(e *xla.Engine) func() { return sums(t, e, n) }); ok {
				row.what = fmt.Sprintf("the sum of %d gradients (%s)", n, of.arch)
				rows = append(rows, row)
			}
		})
	}
	t.Run("memory", func(t *testing.T) {
		if row, ok := memoryOfHosts(t); ok {
			rows = append(rows, row)
		}
	})
	if len(rows) != 4 || t.Failed() {
		return // another process, or one test of them
	}
	for _, r := range rows {
		t.Logf("%s: %.2f, %.2f of several, %.3f MB sent", r.what, r.one, r.several, r.sent)
	}
	if *costRecord != "" {
		writeCost(t, rows)
	}
}

// parameters are the numbers of an encoder that have gradients.
func parameters(arch string) (n int) {
	c := run.Glyphs().Encoder
	c.Arch, c.Width, c.Dim = arch, 64, 128
	for _, p := range c.Params() {
		if !p.Buffer {
			n += shapes.Make(dtypes.Float32, p.Dims...).Size()
		}
	}
	return n
}

// sums returns what sums up n numbers of each of two devices, as a step does its gradients.
func sums(t *testing.T, e *xla.Engine, n int) func() {
	m := engines.Mesh(t, e, 2)
	in := []mesh.Input{{Shape: shapes.Make(dtypes.Float32, 2, n)}}
	p := must.M1(m.Compile("sums", model.NewStore(), in, func(_ *model.Scope, inputs []*graph.Node) []*graph.Node {
		return []*graph.Node{graph.ReduceSum(inputs[0], 0)}
	}))
	t.Cleanup(p.Close)
	slot := must.M1(p.NewSlot())
	t.Cleanup(func() { must.M(slot.Close()) })
	must.M(slot.Fill(func(device int, parts []any) error {
		for i := range parts[0].([]float32) {
			parts[0].([]float32)[i] = float32(device + 1)
		}
		return nil
	}))
	return func() {
		for _, out := range must.M1(p.RunSlot(slot)) {
			out.FinalizeAll()
		}
	}
}

// compareCost times turns in two processes of one device, then in one of two; ok is false in one of the two.
func compareCost(t *testing.T, turns int, begin func(e *xla.Engine) func()) (row costRow, ok bool) {
	t.Helper()
	timed := func(once func()) (milliseconds float64) {
		var all []float64
		for range turns {
			start := time.Now()
			once()
			all = append(all, 1e3*time.Since(start).Seconds())
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	outputs, ok := xlatest.Processes(t, 2, 1, func(t *testing.T, e *xla.Engine, m *rendezvous.Meeting) {
		once := begin(e)
		once()
		before := loopback(t)
		fmt.Printf("measured: %g\n", timed(once))
		fmt.Printf("sent: %g\n", float64(loopback(t)-before)/1e6/float64(turns))
	})
	if !ok || t.Failed() {
		return row, false
	}
	once := begin(xlatest.CPU(t, 2))
	once()
	row.one, row.several, row.sent = timed(once), measured(t, outputs[0], "measured"), measured(t, outputs[0], "sent")
	if row.one <= 0 || row.several <= 0 || row.sent <= 0 {
		t.Errorf("measured %+v, want numbers above 0", row)
	}
	return row, true
}

// measured is a number in a process's output.
func measured(t *testing.T, output, name string) float64 {
	t.Helper()
	found := regexp.MustCompile(name + `: (\S+)\n`).FindStringSubmatch(output)
	if found == nil {
		t.Fatalf("no %q in\n%s", name, output)
	}
	return must.M1(strconv.ParseFloat(found[1], 64))
}

// loopback is what all programs of this machine have sent to themselves, in bytes.
func loopback(t *testing.T) int64 {
	t.Helper()
	for line := range strings.Lines(string(must.M1(os.ReadFile("/proc/net/dev")))) {
		if counters, ok := strings.CutPrefix(strings.TrimSpace(line), "lo:"); ok {
			return must.M1(strconv.ParseInt(strings.Fields(counters)[8], 10, 64))
		}
	}
	t.Fatal("this machine has no loopback interface")
	return 0
}

// others is a store in which every other process has the devices that this one says it has.
type others struct{ own []byte }

func (s *others) Get(string, time.Duration) ([]byte, error) { return s.own, nil }

func (s *others) Put(key string, value []byte) error {
	if strings.Contains(key, "devices/") {
		s.own = value
	}
	return nil
}

// memoryOfHosts measures the anonymous memory of a process with a step and its state, in a run of its own and in one of 64
// devices, of which it has one; ok is false in these.
func memoryOfHosts(t *testing.T) (row costRow, ok bool) {
	const variable = "MOCOTPU_TEST_MOCKED"
	row.what = "host memory of a small net's process, MiB"
	c := run.Glyphs()
	c.Encoder.Width, c.Encoder.Dim, c.Views.ImageSize = 4, 16, 8
	if full(t) {
		row.what = "host memory of ResNet-50's process, MiB"
		c.Encoder.Arch, c.Encoder.Width, c.Encoder.Dim, c.Views.ImageSize = "resnet50", 64, 128, 32
	}
	if text := os.Getenv(variable); text != "" {
		n := must.M1(strconv.Atoi(text))
		c.MoCo.Batch, c.MoCo.Groups, c.MoCo.Queue = 8*n, n, 4096
		o := xla.Options{Devices: 1}
		if n > 1 {
			o.Processes = &xla.Processes{Count: n, Store: &others{}}
		}
		e := must.M1(xla.Open("cpu", o))
		s := must.M1(step.New(engines.Mesh(t, e, n), c.Step(), 0))
		must.M(s.Compile(32, 3))
		debug.FreeOSMemory()
		fmt.Printf("measured: %g\n", anonymousMiB(t))
		s.Close()
		return row, false
	}
	measure := func(devices int) float64 {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		c.Env = append(os.Environ(), fmt.Sprint(variable, "=", devices))
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return measured(t, string(out), "measured")
	}
	row.one, row.several = measure(1), measure(64)
	return row, true
}

// anonymousMiB is this process's RssAnon.
func anonymousMiB(t *testing.T) float64 {
	t.Helper()
	found := regexp.MustCompile(`RssAnon:\s+(\d+) kB`).FindSubmatch(must.M1(os.ReadFile("/proc/self/status")))
	return must.M1(strconv.ParseFloat(string(found[1]), 64)) / 1024
}

// writeCost writes the record.
func writeCost(t *testing.T, rows []costRow) {
	t.Helper()
	cells := func(r costRow) []string {
		format := func(x float64, digits int) string {
			if x == 0 {
				return ""
			}
			return strconv.FormatFloat(x, 'f', digits, 64)
		}
		return []string{r.what, format(r.one, 1), format(r.several, 1), format(r.sent, 1)}
	}
	table := make([][]string, len(rows))
	for i, r := range rows {
		table[i] = cells(r)
	}
	revision := strings.TrimSpace(string(must.M1(exec.Command("git", "rev-parse", "--short=7", "HEAD").Output())))
	text := must.M1(json.MarshalIndent(map[string]any{
		"title": "Several processes on one machine",
		"text": []string{
			"Medians of 20, in ms: two processes of one device, which exchange over the loopback interface by Gloo, beside one process of two devices. " +
				"Host memory: RssAnon with the compiled step and its state, of a process alone and of one in a run of 64 devices, of which it has one; the other 63 are " +
				"described to it and not there.",
		},
		"machine": fmt.Sprintf("%d CPU cores, no accelerator", runtime.NumCPU()), "date": time.Now().Format(time.DateOnly), "revision": revision,
		"commands": []string{"go test -tags slow ./models/train -run CostOfProcesses -record ../../docs/results/processes.json"},
		"columns":  []string{"what", "one process", "several", "sent a turn by all, MB"},
		"rows":     table,
		"notes":    []string{"What is sent is what the loopback interface counts, of all programs of the machine."},
	}, "", "  "))
	must.M(os.WriteFile(*costRecord, append(text, '\n'), 0o644))
}
