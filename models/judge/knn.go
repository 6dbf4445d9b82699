package judge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/mocotpu/mocotpu/models/encoder"
)

// KNNOptions of [Search.KNN]; the notebook has Ks 200 and Temperature 0.1.
type KNNOptions struct {
	// Ks are the numbers of neighbours to ask, ascending, at most the rows of
	// the bank.
	Ks []int
	// Temperature is T in a neighbour's weight exp(similarity/T); above 0.
	Temperature float64
	// Progress, where it is not nil, is told how many rows of the bank were searched, from the caller's goroutine.
	Progress encoder.Progress
}

// KNNResult is the outcome for one number of neighbours.
type KNNResult struct {
	K int
	*Tally
}

// Search finds nearest neighbours on a backend, which stays the caller's and is
// closed last. It compiles one program for each length of rows and size of sets:
// keep it for as long as there is something to judge. Its methods may be called from several
// goroutines.
type Search struct {
	exec *graph.Exec
	// Rows of the queries and of the bank whose similarities are computed at a time.
	queryBlock, bankBlock int
}

// NewSearch compiles nothing yet.
func NewSearch(backend compute.Backend) (*Search, error) {
	exec, err := graph.NewExec(backend, products)
	if err != nil {
		return nil, fmt.Errorf("judge: %w", err)
	}
	return &Search{exec.WithName("knn").SetMaxCache(-1), queryBlock, bankBlock}, nil
}

// Close frees the programs. The search must not be used after.
func (s *Search) Close() { s.exec.Finalize() }

// KNN classifies each query by its nearest rows of the bank and compares with
// its label. It returns one [KNNResult] for each of options.Ks, in their order. A
// query that is also in the bank finds itself: keep the two apart.
//
// The similarities are computed by the backend, in float32; the search and the
// vote on the host, on all cores. Memory beyond the arguments: their normalised
// copies and 8 bytes for each query and neighbour. A row of zeros has the
// similarity 0 to all. It gives up with the context, within a block of the bank.
func (s *Search) KNN(ctx context.Context, bank encoder.Features, bankLabels []int32, queries encoder.Features, queryLabels []int32,
	classes int, options KNNOptions,
) ([]KNNResult, error) {
	results, err := s.knn(ctx, bank, bankLabels, queries, queryLabels, classes, options)
	if err != nil {
		return nil, fmt.Errorf("judge: knn: %w", err)
	}
	return results, nil
}

func (s *Search) knn(ctx context.Context, bank encoder.Features, bankLabels []int32, queries encoder.Features, queryLabels []int32,
	classes int, options KNNOptions,
) ([]KNNResult, error) {
	if err := bank.Check(bankLabels, classes); err != nil {
		return nil, fmt.Errorf("bank: %w", err)
	}
	if err := queries.Check(queryLabels, classes); err != nil {
		return nil, fmt.Errorf("queries: %w", err)
	}
	if bank.Dim != queries.Dim {
		return nil, fmt.Errorf("rows of %d in the bank and of %d in the queries, want as long", bank.Dim, queries.Dim)
	}
	if err := options.check(bank.Len()); err != nil {
		return nil, err
	}
	found, err := s.search(ctx, bank, queries, options.Ks[len(options.Ks)-1], options.Progress)
	if err != nil {
		return nil, err
	}
	return elect(found, bankLabels, queryLabels, classes, options), nil
}

// Vote lets neighbours that [Search.Neighbours] found vote, all of them, as KNN does, and counts.
func Vote(found [][]Neighbour, bankLabels, queryLabels []int32, classes int, temperature float64) *Tally {
	all, most := make([][]neighbour, len(found)), 0
	for q, rows := range found {
		for _, n := range rows {
			all[q] = append(all[q], neighbour{n.Similarity, int32(n.Row)})
		}
		most = len(rows)
	}
	return elect(all, bankLabels, queryLabels, classes, KNNOptions{Ks: []int{most}, Temperature: temperature})[0].Tally
}

// elect lets every query's neighbours vote, and counts.
func elect(found [][]neighbour, bankLabels, queryLabels []int32, classes int, options KNNOptions) []KNNResult {
	results := make([]KNNResult, len(options.Ks))
	for i, k := range options.Ks {
		results[i] = KNNResult{K: k, Tally: NewTally(classes)}
	}
	var mu sync.Mutex
	eachInParallel(len(found), func(q int) {
		scores := make([][]float64, len(options.Ks)) // by k
		sum, asked := make([]float64, classes), 0
		for i, k := range options.Ks {
			votes(sum, found[q][asked:k], bankLabels, found[q][0].similarity, options.Temperature)
			asked = k
			scores[i] = slices.Clone(sum)
		}
		mu.Lock()
		defer mu.Unlock()
		for i := range results {
			count(results[i].Tally, queryLabels[q], scores[i])
		}
	})
	return results
}

// votes adds the neighbours' weights to scores, one per class. The weight is
// relative to the nearest neighbour's, best, so that no temperature overflows.
func votes(scores []float64, neighbours []neighbour, labels []int32, best float32, temperature float64) {
	for _, n := range neighbours {
		scores[labels[n.row]] += math.Exp((float64(n.similarity) - float64(best)) / temperature)
	}
}

// Clip is the options for a bank of so many rows, without the numbers of neighbours that are more: a vote of the whole bank
// says little. Where all are more, the bank is what is left. The note is a sentence for the user, "" where nothing changed.
func (o KNNOptions) Clip(bankRows int) (clipped KNNOptions, note string) {
	fits := slices.DeleteFunc(slices.Clone(o.Ks), func(k int) bool { return k > bankRows })
	if len(fits) == len(o.Ks) || bankRows < 1 {
		return o, ""
	}
	note = fmt.Sprintf("--knn-ks: %v, of which those above the %d training images searched are left out; %v stay", o.Ks, bankRows, fits)
	if len(fits) == 0 {
		fits = []int{bankRows}
		note = fmt.Sprintf("--knn-ks: %v are all above the %d training images searched, which are taken instead", o.Ks, bankRows)
	}
	o.Ks = fits
	return o, note
}

func (o KNNOptions) check(bankRows int) error {
	if !(o.Temperature > 0) || math.IsInf(o.Temperature, 1) {
		return fmt.Errorf("temperature %g, want a number above 0", o.Temperature)
	}
	if len(o.Ks) == 0 {
		return errors.New("no k, want at least one")
	}
	for i, k := range o.Ks {
		if k < 1 || i > 0 && k <= o.Ks[i-1] {
			return fmt.Errorf("ks %v, want ascending numbers from 1", o.Ks)
		}
		if k > bankRows {
			return fmt.Errorf("k %d, want at most the %d rows of the bank", k, bankRows)
		}
	}
	return nil
}
