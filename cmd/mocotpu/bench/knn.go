package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/host/limits"
	"github.com/mocotpu/mocotpu/xla/host/regular"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// KNNOptions are those of [KNN].
type KNNOptions struct {
	Engines Engines
	Engine  engine.Config
	// Size is how large the search is.
	Size judge.Size
	// Python is where faiss is looked for, "" for nowhere; Limit is how long it may take with its index.
	Python string
	Limit  time.Duration
	// Repeat is the number of timed searches, at least 1.
	Repeat int
	// Plan says what the search takes, and does not run it.
	Plan  bool
	Built map[string]string
	Talk  io.Writer
}

const (
	knnClasses     = 1000
	knnTemperature = 0.1
	// tieWithin is how far apart the similarities of two rows are that rounding may put in another order.
	tieWithin = 1e-5
	// allQueries is for how many queries a note says the time, where fewer are timed: those of ImageNet's test images.
	allQueries = 50_000
)

func (o KNNOptions) check() error {
	var check settings.Check
	check.That(o.Size.Bank > 0, "bench.bank", "is %d, want at least 1", o.Size.Bank)
	check.That(o.Size.Queries > 0, "bench.queries", "is %d, want at least 1", o.Size.Queries)
	check.That(o.Size.Dim > 0, "bench.dim", "is %d, want at least 1", o.Size.Dim)
	check.That(o.Size.K > 0 && o.Size.K <= max(1, o.Size.Bank), "bench.neighbours", "is %d, want 1 to {bench.bank} (%d)", o.Size.K, o.Size.Bank)
	check.That(o.Repeat > 0, "bench.repeat", "is %d, want at least 1", o.Repeat)
	check.That(o.Limit > 0, "bench.limit", "is %s, want more than 0", o.Limit)
	if err := check.Err(); err != nil {
		return err
	}
	elements := limits.Product(int64(max(o.Size.Bank, o.Size.Queries)), int64(o.Size.Dim))
	check.That(elements <= math.MaxUint32, "bench.bank", "has %d elements, want at most %d: the rows are drawn by their number of 32 bits", elements, uint32(math.MaxUint32))
	return check.Err()
}

// KNN times the search for nearest neighbours among rows that are drawn, and faiss's flat index on the same rows, one after the
// other. It refuses what does not fit this process before it draws anything, and says how long it will take. An operation is a
// query. The neighbours of both are compared.
func KNN(ctx context.Context, o KNNOptions) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := o.Size.Check(); err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "mocotpu-bench-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	b := &searching{KNNOptions: o, classes: min(knnClasses, o.Size.Bank), report: newReport(o.Built)}
	b.report.Labels = []Label{label("bank", o.Size.Bank), label("dim", o.Size.Dim), label("k", o.Size.K)}
	b.report.Settings = []Label{label("queries", o.Size.Queries), label("classes", b.classes)}
	b.report.Notes = append(b.report.Notes, fmt.Sprintf("memory: features %s, the search beside them %s, of %s that this process may use",
		limits.Text(o.Size.Features()), limits.Text(o.Size.Working()), limits.Text(limits.Memory())))
	fmt.Fprintln(o.Talk, b.report.Notes[0])
	if err := b.ours(ctx); err != nil || o.Plan {
		return b.report, err
	}
	debug.FreeOSMemory() // the peer has its own copy of the bank
	if err := b.faiss(ctx, temp); err != nil {
		return nil, err
	}
	return b.report, nil
}

// searching is a measurement of KNN under way.
type searching struct {
	KNNOptions
	classes int
	report  *Report
	found   [][]judge.Neighbour
}

// row is one that has no figures yet.
func (b *searching) row(program, variant string) Row {
	return Row{Name: "Search", Labels: []Label{label("program", program), label("variant", variant)}}
}

// take fills a row with what a program measured of all queries.
func (b *searching) take(row Row, a answer) Row {
	row.take(a)
	delete(row.Values, compileUnit)
	for i := range row.Samples {
		row.Samples[i] /= float64(b.Size.Queries)
	}
	row.Iterations *= b.Size.Queries
	if row.Missing == "" {
		row.set(cpuUnit, a.Values[cpuUnit]/float64(b.Size.Queries))
		row.set(top1Unit, 100*a.Values["correct"]/float64(b.Size.Queries))
		row.set(gigaflopsUnit, b.Size.Flops()/float64(b.Size.Queries)/row.ns())
	}
	b.report.Rows = append(b.report.Rows, row)
	return row
}

// ours times mocotpu's search, from the features as an encoder made them to the neighbours.
func (b *searching) ours(ctx context.Context) error {
	c := run.Glyphs()
	c.Engine = b.Engine
	e, err := b.Engines.Open(c)
	if err != nil {
		return err
	}
	defer e.Close()
	b.report.noteEngine(infoOf(e))
	search, err := judge.NewSearch(e)
	if err != nil {
		return err
	}
	defer search.Close()
	expected, err := search.Estimate(ctx, b.Size)
	if err != nil {
		return err
	}
	plan := fmt.Sprintf("time: about %s for %d queries, %.0f Gflop/s in one pair of blocks",
		rounded(expected), b.Size.Queries, b.Size.Flops()/float64(expected.Nanoseconds()))
	fmt.Fprintln(b.Talk, plan)
	b.report.Notes = append(b.report.Notes, plan)
	if b.Plan {
		return nil
	}
	fmt.Fprintf(b.Talk, "drawing %d rows of %d ...\n", b.Size.Bank, b.Size.Dim)
	noise := noiseFor(b.Size.Dim)
	bank, bankLabels := drawn(b.Size.Bank, b.Size.Dim, b.classes, noise, bankSeed)
	queries, labels := drawn(b.Size.Queries, b.Size.Dim, b.classes, noise, querySeed)
	fmt.Fprintf(b.Talk, "searching on %s ...\n", e.EngineName())
	var a answer
	before := cpuTime()
	for range b.Repeat {
		start := time.Now()
		if b.found, err = search.Neighbours(ctx, bank, queries, b.Size.K); err != nil {
			return err
		}
		a.MS = append(a.MS, float64(time.Since(start))/float64(time.Millisecond))
	}
	a.Values = map[string]float64{
		cpuUnit:   float64(cpuTime()-before) / float64(b.Repeat),
		"correct": float64(judge.Vote(b.found, bankLabels, labels, b.classes, knnTemperature).Correct),
	}
	a.PeakBytes = peakMemory()
	row := b.take(b.row(programOurs, e.EngineName()), a)
	if b.Size.Queries < allQueries {
		b.report.Notes = append(b.report.Notes, fmt.Sprintf("%d queries at this rate: %s", allQueries, rounded(time.Duration(row.ns()*allQueries))))
	}
	return nil
}

// knnCase is what the script is given; peer/faiss_peer.py explains it.
type knnCase struct {
	Bank        int     `json:"bank"`
	Queries     int     `json:"queries"`
	Dim         int     `json:"dim"`
	K           int     `json:"k"`
	Classes     int     `json:"classes"`
	Noise       float32 `json:"noise"`
	Temperature float64 `json:"temperature"`
	BankSeed    int     `json:"bank_seed"`
	QuerySeed   int     `json:"query_seed"`
	Repeat      int     `json:"repeat"`
	Threads     int     `json:"threads"`
	Found       string  `json:"found"`
}

// faiss times the peer, and compares what it found.
func (b *searching) faiss(ctx context.Context, temp string) error {
	row := b.row("faiss", "IndexFlatIP")
	if b.Python == "" {
		b.take(row, answer{Missing: "--python is empty"})
		return nil
	}
	if err := writeScripts(temp); err != nil {
		return err
	}
	fmt.Fprintf(b.Talk, "faiss of %s, if it has it ...\n", b.Python)
	c := knnCase{
		b.Size.Bank, b.Size.Queries, b.Size.Dim, b.Size.K, b.classes, noiseFor(b.Size.Dim), knnTemperature, bankSeed, querySeed,
		b.Repeat, runtime.NumCPU(), filepath.Join(temp, "found"),
	}
	a, err := (python{path: b.Python, dir: temp, limit: b.Limit}).ask(ctx, "faiss_peer.py", c)
	if err != nil {
		return err
	}
	for name, version := range a.Versions {
		b.report.Versions[name] = version
	}
	if row = b.take(row, a); row.Missing != "" {
		return nil
	}
	theirs, err := readFound(c.Found, b.Size)
	if err != nil {
		return err
	}
	mine := &b.report.Rows[0]
	mine.set(ratioUnit, row.ns()/mine.ns())
	same, beyond := compareFound(b.found, theirs)
	prepared := a.Values["prepare-ns"] / float64(b.Size.Queries)
	b.report.Notes = append(b.report.Notes,
		fmt.Sprintf("mocotpu looks for neighbours at %.2fx the speed of faiss, with %.2fx its processor time", row.ns()/mine.ns(), mine.Values[cpuUnit]/row.Values[cpuUnit]),
		fmt.Sprintf("mocotpu's time contains the bringing of rows to length 1 and their copies; with faiss's (%.2f ms a query) it is %.2fx the speed",
			prepared/1e6, (row.ns()+prepared)/mine.ns()),
		fmt.Sprintf("neighbours: %.4f%% are faiss's; of the others %d are no ties (similarities more than %g apart)", 100*same, beyond, tieWithin))
	return nil
}

// readFound reads the neighbours that the script wrote.
func readFound(path string, size judge.Size) ([][]judge.Neighbour, error) {
	n := size.Queries * size.K
	text, err := regular.ReadFile(path, int64(8*n))
	if err != nil {
		return nil, err
	}
	if len(text) != 8*n {
		return nil, fmt.Errorf("bench: %s has %d bytes, want %d", path, len(text), 8*n)
	}
	found := make([][]judge.Neighbour, size.Queries)
	for i := range n {
		found[i/size.K] = append(found[i/size.K], judge.Neighbour{
			Row:        int(int32(binary.LittleEndian.Uint32(text[4*i:]))),
			Similarity: math.Float32frombits(binary.LittleEndian.Uint32(text[4*(n+i):])),
		})
	}
	return found, nil
}

// compareFound returns which share of our neighbours are theirs, and how many of the others are further from the farthest of
// their neighbours than rounding could explain.
func compareFound(ours, theirs [][]judge.Neighbour) (same float64, beyond int) {
	shared, all := 0, 0
	for q, mine := range ours {
		known := map[int]bool{}
		for _, n := range theirs[q] {
			known[n.Row] = true
		}
		farthest := theirs[q][len(theirs[q])-1].Similarity
		for _, n := range mine {
			all++
			if known[n.Row] {
				shared++
			} else if math.Abs(float64(n.Similarity-farthest)) > tieWithin {
				beyond++
			}
		}
	}
	return float64(shared) / float64(all), beyond
}

// rounded is a duration as one says it.
func rounded(d time.Duration) time.Duration {
	if d > 10*time.Minute {
		return d.Round(time.Minute)
	}
	return d.Round(time.Second)
}
