package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/xla/engine"
)

// tinyPeers are the flags of a comparison whose own part takes seconds on the go engine.
var tinyPeers = []string{
	"bench", "peers", "--preset=glyphs", "--width=2", "--dim=8", "--batch=16", "--bn-groups=2", "--queue=32", "--image-size=8",
	"--repeat=2", "--backend=go", "--limit=5m",
}

// peersJSON runs the tiny comparison with --json.
func peersJSON(t *testing.T, flags ...string) peersReport {
	t.Helper()
	code, out, talk := call(t, append(append(append([]string{}, tinyPeers...), flags...), "--json")...)
	if code != exitDone {
		t.Fatalf("exit code %d, want %d: %s", code, exitDone, talk)
	}
	var r peersReport
	must.M(json.Unmarshal([]byte(out), &r))
	return r
}

// Every program has its rows, told what it is to do; the fastest variant of PyTorch runs the epoch, and is what we are
// related to.
func TestBenchPeers(t *testing.T) {
	torch := fakePython(t, `case "$1" in */torch_peer.py) ;; *) exit 3 ;; esac
case "$2" in *'"arch":"resnet10","width":2,'*'"batch":16,'*'"groups":2,"shuffle":true,'*'"Area":{"Min":0.4,'*'"device":"cpu",'*) ;; *) exit 4 ;; esac
start=$(echo "$2" | sed 's/.*"start":"\([^"]*\)".*/\1/'); set=$(echo "$2" | sed 's/.*"set":"\([^"]*\)".*/\1/')
[ -s "$start" ] && [ -s "$set/images.npy" ] && [ -s "$(dirname "$1")/clock.py" ] || exit 5
ms=4
case "$2" in '{"what":"step","variant":"channels last",'*) ms=2 ;; esac
case "$2" in *'"precision":"bfloat16"'*) ms=1 ;; esac
case "$2" in '{"what":"epoch","variant":"channels last",'*) ms=8 ;; '{"what":"epoch"'*) exit 6 ;; esac
echo '{"versions":"torch 9.9","first_ms":1002,"ms":['$ms','$ms'],"losses":[1],"peak_bytes":5,"device_bytes":6}'`)
	jax := fakePython(t, `case "$1" in */jax_peer.py) ;; *) exit 3 ;; esac
[ "$JAX_PLATFORMS" = cpu ] && echo '{"missing":"No module named jax"}'`)
	r := peersJSON(t, "--python="+torch, "--jax-python="+jax)
	var got []string
	for _, row := range r.Rows {
		text := fmt.Sprintf("%s %s %s", row.What, row.name(), row.Precision)
		switch {
		case row.Missing != "":
			text += ": " + row.Missing
		case row.Program == programTorch:
			text += fmt.Sprintf(" %v %v %v", row.StepMS, row.ImagesPerSecond, row.CompileSeconds)
		case row.StepMS <= 0 || row.PeakBytes <= 0 || len(row.Losses) < 4:
			t.Errorf("row %+v lacks figures", row)
		}
		got = append(got, text)
	}
	want := []string{
		"step mocotpu go, 1 device float32",
		"step PyTorch contiguous float32 4 4000 0.998",
		"step PyTorch contiguous, folded groups float32 4 4000 0.998",
		"step PyTorch channels last float32 2 8000 1",
		"step PyTorch channels last, torch.compile float32 4 4000 0.998",
		"step JAX jit float32: No module named jax",
		"step mocotpu go, 1 device bfloat16",
		"step PyTorch channels last bfloat16 1 16000 1.001",
		"epoch mocotpu go, 1 device float32",
		"epoch PyTorch channels last float32 8 2000 0.994",
		"epoch JAX float32: JAX has no data pipeline",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("rows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if ours := r.Rows[0]; ours.Ratio != ours.ImagesPerSecond/8000 || r.Rows[1].Ratio != 0.5 || r.Rows[9].Ratio != 1 {
		t.Errorf("ratios %v, %v and %v, want those to the fastest peer's step, and 1", ours.Ratio, r.Rows[1].Ratio, r.Rows[9].Ratio)
	}
	if fmt.Sprint(r.Versions) != "[torch 9.9]" || !strings.Contains(r.Source, "1024 images drawn for the purpose, canvas 32") {
		t.Errorf("versions %q, source %q", r.Versions, r.Source)
	}
}

// Without peers there is a table all the same, which says why; the epoch reads the packed set of --data.
func TestBenchPeersWithoutPeers(t *testing.T) {
	folder, set := filepath.Join(t.TempDir(), "images"), filepath.Join(t.TempDir(), "set")
	must.M(specimen.Folder(filepath.Join(folder, "train"), specimen.Options{Images: 40, Classes: 2, Width: 40, Height: 30}))
	list := must.M1(files.Open(folder, "train", files.Options{}))
	must.M1(packed.Pack(t.Context(), list, filepath.Join(set, "train"), packed.Options{Canvas: 12}))
	must.M(list.Close())
	none := filepath.Join(t.TempDir(), "none")
	flags := []string{"--preset=moco-v1", "--arch=resnet10", "--stem=small", "--precision=bfloat16", "--data=" + set, "--canvas=12", "--python=" + none, "--jax-python="}
	code, out, talk := call(t, append(append([]string{}, tinyPeers...), flags...)...)
	if code != exitDone {
		t.Fatalf("exit code %d, want %d: %s", code, exitDone, talk)
	}
	for _, want := range []string{
		"machine: " + cpuModel() + ", ", "; engine go; mocotpu ", "command: mocotpu bench peers --", "images, canvas 12\n",
		"epoch: views v1, packed set: " + filepath.Join(set, "train") + ", 40 ", "no such file or directory", "--jax-python is empty",
		"step, bfloat16: no peer ran\nepoch, bfloat16: no peer ran\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if n := strings.Count(out, "bfloat16  "); n != 9 {
		t.Errorf("%d rows in bfloat16, want 9 and no others:\n%s", n, out)
	}
}

// A program killed at the limit has a row that says so, ours as well; another failure of ours is the command's.
func TestBenchPeersLimit(t *testing.T) {
	slow := fakePython(t, "sleep 100")
	b := peersBench{options: peersOptions{python: slow, limit: time.Millisecond}, talk: t.Output(), report: &peersReport{Engine: benchEngineInfo{Name: "cpu"}}}
	must.M(b.ours(t.Context(), whatStep, 1, "float32"))
	must.M(b.torch(t.Context(), whatStep, "contiguous", "float32"))
	for _, row := range b.report.Rows {
		if row.Missing != "killed after 1ms (--limit)" || row.StepMS != 0 {
			t.Errorf("row %+v, want it killed", row)
		}
	}
	if len(b.report.Rows) != 2 {
		t.Errorf("%d rows, want 2", len(b.report.Rows))
	}
	b.options.limit = time.Minute
	for backend, want := range map[string]int{"abacus": exitFailed, "cuda": exitUsage} {
		b.config.Engine = engine.Config{Backend: backend, Plugin: filepath.Join(t.TempDir(), "none.so")}
		err := b.ours(t.Context(), whatStep, 8, "float32")
		if err == nil || !strings.Contains(err.Error(), "mocotpu cpu, 8 devices: ") || exitCode(t.Context(), err) != want {
			t.Errorf("%s: error %v, exit code %d, want %d", backend, err, exitCode(t.Context(), err), want)
		}
	}
}

// What cannot be timed is refused before anything is drawn or compiled.
func TestBenchPeersUsage(t *testing.T) {
	for _, test := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--repeat=0"}, "--repeat 0"},
		{[]string{"--limit=0s"}, "--limit 0s"},
		{[]string{"--limit=soon"}, "--limit"},
		{[]string{"--counts=1,2"}, "the go engine has one device"},
		{[]string{"--bn-groups=3"}, "groups"},
		{[]string{"--backend=cuda", "--plugin=" + filepath.Join(t.TempDir(), "none.so")}, "none.so"},
		{[]string{"more"}, `unexpected argument "more"`},
	} {
		t.Run(fmt.Sprint(test.flags), func(t *testing.T) {
			code, out, talk := call(t, append(append([]string{}, tinyPeers...), test.flags...)...)
			if code != exitUsage || out != "" || !strings.Contains(talk, test.want) || strings.Contains(talk, "drawing") {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %d, nothing, %q", code, out, talk, exitUsage, test.want)
			}
		})
	}
}
