package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// knnOptions is a search that takes no time on the go engine.
func knnOptions(t *testing.T) KNNOptions {
	return KNNOptions{
		Engines: testEngines, Engine: engine.Config{Backend: "go"}, Size: judge.Size{Bank: 500, Queries: 20, Dim: 16, K: 5},
		Repeat: 2, Limit: time.Minute, Talk: t.Output(),
	}
}

// The rows are those that peer/faiss_peer.py draws; NumPy gave these.
func TestDrawnRows(t *testing.T) {
	rows, labels := drawn(3, 4, 2, 2, bankSeed)
	if got, want := fmt.Sprint(rows.Data[:4], labels), "[-0.42876625 -0.84668994 1.1443167 2.4006252] [0 1 0]"; got != want {
		t.Errorf("rows begin with %s, want %s", got, want)
	}
	again, _ := drawn(2, 4, 2, 2, bankSeed)
	if !slices.Equal(again.Data, rows.Data[:8]) {
		t.Error("fewer rows are not the first of more")
	}
	for dim, want := range map[int]float32{1: 1, 127: 1, 128: 2, 2047: 2, 2048: 4} {
		if got := noiseFor(dim); got != want {
			t.Errorf("noise for %d features is %v, want %v", dim, got, want)
		}
	}
}

// A peer is given the search, its times become those of a query, and its neighbours are compared with ours.
func TestKNN(t *testing.T) {
	o := knnOptions(t)
	o.Python = fakePython(t, `case "$1" in */faiss_peer.py) ;; *) exit 3 ;; esac
case "$2" in '{"bank":500,"queries":20,"dim":16,"k":5,"classes":500,"noise":1,"temperature":0.1,"bank_seed":16,"query_seed":32,"repeat":2,'*) ;; *) exit 4 ;; esac
head -c 800 /dev/zero > "$(echo "$2" | sed 's/.*"found":"\([^"]*\)".*/\1/')"
echo '{"versions":{"faiss":"9"},"ms":[40,80],"peak_bytes":5,"values":{"cpu-ns":2e6,"prepare-ns":2e7,"correct":10}}'`)
	r := must.M1(KNN(t.Context(), o))
	if len(r.Rows) != 2 || r.Versions["faiss"] != "9" {
		t.Fatalf("report %+v, want a row of ours and one of faiss", r)
	}
	ours, theirs := r.Rows[0], r.Rows[1]
	if len(ours.Samples) != 2 || ours.ns() <= 0 || ours.Values[gigaflopsUnit] != 2*500*16/ours.ns() || ours.Values[top1Unit] <= 0 {
		t.Errorf("ours is %+v", ours)
	}
	if theirs.ns() != 3e6 || theirs.Values[cpuUnit] != 1e5 || theirs.Values[top1Unit] != 50 || ours.Values[ratioUnit] != 3e6/ours.ns() {
		t.Errorf("theirs is %+v, the ratio %v", theirs, ours.Values[ratioUnit])
	}
	notes := strings.Join(r.Notes, "\n")
	for _, want := range []string{"memory: features 32.5 KiB", "time: about", "50000 queries at this rate", "are no ties", fmt.Sprintf("(1.00 ms a query) it is %.2fx the speed", 4e6/ours.ns())} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes\n%s\nlack %q", notes, want)
		}
	}
}

// Without faiss there is our row, and why the other has no times; a plan runs nothing.
func TestKNNWithoutPeer(t *testing.T) {
	o := knnOptions(t)
	for python, want := range map[string]string{"": "--python is empty", filepath.Join(t.TempDir(), "none"): "no such file"} {
		o.Python = python
		r := must.M1(KNN(t.Context(), o))
		if len(r.Rows) != 2 || !strings.Contains(r.Rows[1].Missing, want) {
			t.Errorf("rows %+v, want %q", r.Rows, want)
		}
	}
	o.Plan = true
	if r := must.M1(KNN(t.Context(), o)); len(r.Rows) != 0 || len(r.Notes) != 2 {
		t.Errorf("a plan with rows %v and notes %q", r.Rows, r.Notes)
	}
}

// What cannot be searched is refused before anything is drawn.
func TestKNNRefuses(t *testing.T) {
	for want, change := range map[string]func(o *KNNOptions){
		"bench.bank is 0":                     func(o *KNNOptions) { o.Size.Bank = 0 },
		"bench.queries is -1":                 func(o *KNNOptions) { o.Size.Queries = -1 },
		"bench.dim is 0":                      func(o *KNNOptions) { o.Size.Dim = 0 },
		"bench.neighbours is 501":             func(o *KNNOptions) { o.Size.K = 501 },
		"bench.repeat is 0":                   func(o *KNNOptions) { o.Repeat = 0 },
		"bench.limit is 0s":                   func(o *KNNOptions) { o.Limit = 0 },
		"bench.bank has 10000000000 elements": func(o *KNNOptions) { o.Size.Bank, o.Size.Dim = 1e5, 1e5 },
		"and this process may use":            func(o *KNNOptions) { o.Size.Queries, o.Size.K = 200_000_000, 400 },
	} {
		o := knnOptions(t)
		change(&o)
		if _, err := KNN(t.Context(), o); !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// Neighbours that another has not are ties within rounding, or they are counted.
func TestCompareFound(t *testing.T) {
	ours := [][]judge.Neighbour{{{Row: 1, Similarity: 0.9}, {Row: 2, Similarity: 0.5}}, {{Row: 1, Similarity: 0.9}, {Row: 4, Similarity: 0.7}}}
	theirs := [][]judge.Neighbour{{{Row: 1, Similarity: 0.9}, {Row: 3, Similarity: 0.500001}}, {{Row: 1, Similarity: 0.9}, {Row: 3, Similarity: 0.8}}}
	if same, beyond := compareFound(ours, theirs); same != 0.5 || beyond != 1 {
		t.Errorf("%v are the same and %d no ties, want half and one", same, beyond)
	}
	path := filepath.Join(t.TempDir(), "found")
	must.M(os.WriteFile(path, make([]byte, 7), 0o600))
	if _, err := readFound(path, judge.Size{Queries: 1, K: 1}); err == nil {
		t.Error("half a file of neighbours: no error")
	}
}
