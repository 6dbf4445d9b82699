package bench

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/engine"
)

// Every program has its rows and is given what it is to do; the fastest variant of PyTorch runs the epoch, and is what we are
// related to.
func TestPeers(t *testing.T) {
	o := testOptions(t)
	o.Limit = 5 * time.Minute
	o.Python = fakePython(t, `case "$1" in */torch_peer.py) ;; *) exit 3 ;; esac
case "$2" in *'"arch":"resnet10","width":2,'*'"batch":16,'*'"groups":2,"shuffle":true,'*'"area":{"min":0.4,'*'"device":"cpu",'*) ;; *) exit 4 ;; esac
start=$(echo "$2" | sed 's/.*"start":"\([^"]*\)".*/\1/'); set=$(echo "$2" | sed 's/.*"set":"\([^"]*\)".*/\1/')
[ -s "$start" ] && [ -s "$set/images.npy" ] && [ -s "$(dirname "$1")/clock.py" ] || exit 5
ms=4
case "$2" in '{"what":"step","variant":"channels-last",'*) ms=2 ;; esac
case "$2" in *'"precision":"bfloat16"'*) ms=1 ;; esac
case "$2" in '{"what":"epoch","variant":"channels-last",'*) ms=8 ;; '{"what":"epoch"'*) exit 6 ;; esac
echo '{"versions":{"torch":"9.9"},"first_ms":1002,"ms":['$ms','$ms'],"losses":[1],"peak_bytes":5,"device_bytes":6}'`)
	o.JAXPython = fakePython(t, `case "$1" in */jax_peer.py) ;; *) exit 3 ;; esac
[ "$JAX_PLATFORMS" = cpu ] && echo '{"missing":"No module named jax"}'`)
	r := must.M1(Peers(t.Context(), tiny("go"), o))
	var got []string
	for _, row := range r.Rows {
		text := strings.TrimPrefix(r.fullName(row), "Benchmark")
		switch {
		case row.Missing != "":
			text += ": " + row.Missing
		case row.label("program") == programTorch:
			text += fmt.Sprintf(" %d %v %v %v", row.Iterations, row.Samples, row.rate(), row.Values[compileUnit]/1e9)
		case row.rate() <= 0 || row.Values[peakUnit] <= 0 || len(row.Losses) < 4:
			t.Errorf("row %+v lacks figures", row)
		}
		got = append(got, strings.Replace(text, "/arch=resnet10/batch=16/program=", " ", 1))
	}
	want := []string{
		"Step mocotpu/variant=go/precision=float32/replicas=1",
		"Step PyTorch/variant=contiguous/precision=float32/replicas=1 1 [4e+06 4e+06] 4000 0.998",
		"Step PyTorch/variant=folded-groups/precision=float32/replicas=1 1 [4e+06 4e+06] 4000 0.998",
		"Step PyTorch/variant=channels-last/precision=float32/replicas=1 1 [2e+06 2e+06] 8000 1",
		"Step PyTorch/variant=channels-last+compile/precision=float32/replicas=1 1 [4e+06 4e+06] 4000 0.998",
		"Step JAX/variant=jit/precision=float32/replicas=1: No module named jax",
		"Step mocotpu/variant=go/precision=bfloat16/replicas=1",
		"Step PyTorch/variant=channels-last/precision=bfloat16/replicas=1 1 [1e+06 1e+06] 16000 1.001",
		"Epoch mocotpu/variant=go/precision=float32/replicas=1",
		"Epoch PyTorch/variant=channels-last/precision=float32/replicas=1 2 [8e+06] 2000 0.994",
		"Epoch JAX/variant=jit/precision=float32/replicas=1: JAX has no data pipeline",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("rows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if ours := r.Rows[0]; ours.Values[ratioUnit] != ours.rate()/8000 || r.Rows[1].Values[ratioUnit] != 0.5 || r.Rows[9].Values[ratioUnit] != 1 {
		t.Errorf("ratios %v, %v and %v, want those to the fastest peer's step, and 1", ours.Values, r.Rows[1].Values, r.Rows[9].Values)
	}
	if r.Versions["torch"] != "9.9" || r.Versions["engine"] != "go" || r.Source != "1024 images drawn for the purpose, canvas 32" {
		t.Errorf("versions %v, source %q", r.Versions, r.Source)
	}
}

// Without peers there is a report all the same, which says why; the epoch reads the packed set of the configuration.
func TestPeersWithoutPeers(t *testing.T) {
	folder, set := filepath.Join(t.TempDir(), "images"), filepath.Join(t.TempDir(), "set")
	must.M(specimen.Folder(t.Context(), filepath.Join(folder, "train"), specimen.Options{Images: 40, Classes: 2, Width: 40, Height: 30}))
	list := must.M1(files.Open(folder, "train", files.Options{}))
	must.M1(packed.Pack(t.Context(), list, filepath.Join(set, "train"), packed.Options{Canvas: 12}))
	must.M(list.Close())
	c := tiny("go")
	must.M(c.Views.Choose("v1"))
	c.Data, c.Encoder.Precision = run.MoCoV1().Data, "bfloat16"
	c.Data.Dir, c.Data.Canvas = set, 12
	o := testOptions(t)
	o.Python, o.Limit = filepath.Join(t.TempDir(), "none"), 5*time.Minute
	r := must.M1(Peers(t.Context(), c, o))
	if len(r.Rows) != 9 {
		t.Errorf("%d rows, want 9 in bfloat16 and no others", len(r.Rows))
	}
	for _, row := range r.Rows {
		if want := map[string]string{"PyTorch": "no such file or directory", "JAX": " "}[row.label("program")]; !strings.Contains(row.Missing, want) || row.label("precision") != "bfloat16" {
			t.Errorf("row %+v, want %q", row, want)
		}
	}
	if want := filepath.Join(set, "train") + ", 40 images, canvas 12"; r.Source != want {
		t.Errorf("source %q, want %q", r.Source, want)
	}
	if got := strings.Join(r.Notes, "\n"); got != "Step, bfloat16: no peer ran\nEpoch, bfloat16: no peer ran" {
		t.Errorf("notes\n%s", got)
	}
}

// A program killed at the limit has a row that says so, ours as well; another failure of ours is the caller's.
func TestPeersLimit(t *testing.T) {
	slow := fakePython(t, "sleep 100")
	p := comparison{options: testOptions(t), report: newReport(nil), engine: engineInfo{name: "cpu"}}
	p.options.Python, p.options.Limit = slow, time.Millisecond
	must.M(p.ours(t.Context(), whatStep, 1, "float32"))
	must.M(p.torch(t.Context(), whatStep, "contiguous", "float32"))
	for _, row := range p.report.Rows {
		if row.Missing != "killed after 1ms (--limit)" || row.rate() != 0 {
			t.Errorf("row %+v, want it killed", row)
		}
	}
	if len(p.report.Rows) != 2 {
		t.Errorf("%d rows, want 2", len(p.report.Rows))
	}
	p.options.Limit = time.Minute
	for backend, usage := range map[string]bool{"abacus": false, "cuda": true} {
		p.config.Engine = engine.Config{Backend: backend, Plugin: filepath.Join(t.TempDir(), "none.so")}
		err := p.ours(t.Context(), whatStep, 8, "float32")
		if err == nil || !strings.Contains(err.Error(), "mocotpu on cpu, 8 device(s): ") || errors.Is(err, xla.ErrNoPlugin) != usage {
			t.Errorf("%s: error %v, want one of the engine, and xla.ErrNoPlugin: %t", backend, err, usage)
		}
	}
}

// The scripts' variants are those that are asked for.
func TestTorchVariantNames(t *testing.T) {
	text := string(must.M1(scripts.ReadFile("peer/torch_peer.py")))
	for _, variant := range torchVariants {
		if strings.Count(text, `"`+variant+`": (`) != 1 {
			t.Errorf("torch_peer.py has no variant %q", variant)
		}
	}
	if n := strings.Count(text, ": (torch."); n != len(torchVariants) {
		t.Errorf("torch_peer.py has %d variants, want %d", n, len(torchVariants))
	}
}
