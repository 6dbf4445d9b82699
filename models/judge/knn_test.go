package judge

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/internal/engines"
)

// lightlyBank and lightlyQueries are the published vectors of lightly's tests.
func lightlyBank() encoder.Features {
	return encoder.Features{Dim: 3, Data: []float32{1, 1, 1, -1, 1, 1, -1, -1, 1, -1, -1, -1}}
}

func lightlyQueries() encoder.Features {
	return encoder.Features{Dim: 3, Data: []float32{1, 1, 1, -1, 1.1, -1}}
}

// search is closed when the test ends.
func search(t testing.TB, b compute.Backend) *Search {
	t.Helper()
	s, err := NewSearch(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// TestPublishedRankings: lightly ranks the classes by their scores; so do we.
func TestPublishedRankings(t *testing.T) {
	tests := []struct {
		name   string
		labels []int32
		k      int
		want   [][]int
	}{
		{"four classes", []int32{0, 1, 2, 3}, 4, [][]int{{0, 1, 2, 3}, {1, 3, 0, 2}}},
		{"two neighbours", []int32{0, 1, 0, 1}, 2, [][]int{{0, 1, 2, 3}, {1, 0, 2, 3}}},
	}
	b := engines.Go(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, err := search(t, b).search(t.Context(), lightlyBank(), lightlyQueries(), tt.k, nil)
			if err != nil {
				t.Fatal(err)
			}
			for q, want := range tt.want {
				scores := make([]float64, 4)
				votes(scores, found[q], tt.labels, found[q][0].similarity, 0.1)
				ranking := []int{0, 1, 2, 3}
				sort.SliceStable(ranking, func(i, j int) bool { return scores[ranking[i]] > scores[ranking[j]] })
				if !slices.Equal(ranking, want) {
					t.Errorf("query %d: ranking %v, want %v (scores %v)", q, ranking, want, scores)
				}
			}
		})
	}
}

// oracle is the definition in float64: sort the whole bank, add up, rank the
// classes.
func oracle(bank encoder.Features, labels []int32, query []float32, classes, k int, temperature float64) []int {
	cosine := func(a, b []float32) float64 {
		var ab, aa, bb float64
		for i := range a {
			ab += float64(a[i]) * float64(b[i])
			aa += float64(a[i]) * float64(a[i])
			bb += float64(b[i]) * float64(b[i])
		}
		return ab / math.Sqrt(aa*bb)
	}
	rows := make([]int, bank.Len())
	similarity := make([]float64, bank.Len())
	for i := range rows {
		rows[i] = i
		similarity[i] = cosine(query, bank.Data[i*bank.Dim:(i+1)*bank.Dim])
	}
	sort.SliceStable(rows, func(i, j int) bool { return similarity[rows[i]] > similarity[rows[j]] })
	scores := make([]float64, classes)
	for _, row := range rows[:k] {
		scores[labels[row]] += math.Exp(similarity[row] / temperature)
	}
	ranking := make([]int, classes)
	for i := range ranking {
		ranking[i] = i
	}
	sort.SliceStable(ranking, func(i, j int) bool { return scores[ranking[i]] > scores[ranking[j]] })
	return ranking
}

// cloud draws n rows around one center per class, close enough to be confused,
// of very different lengths.
func cloud(seed uint64, n, dim, classes int, noise float64) (encoder.Features, []int32) {
	r := rand.New(rand.NewPCG(seed, 1))
	centers := rand.New(rand.NewPCG(1, 2))
	center := make([]float64, classes*dim)
	for i := range center {
		center[i] = centers.NormFloat64()
	}
	f := encoder.Features{Dim: dim, Data: make([]float32, 0, n*dim)}
	labels := make([]int32, n)
	for i := range labels {
		labels[i] = int32(r.IntN(classes))
		length := math.Exp(3 * r.NormFloat64())
		for j := range dim {
			f.Data = append(f.Data, float32(length*(center[int(labels[i])*dim+j]+noise*r.NormFloat64())))
		}
	}
	return f, labels
}

// TestKNNOracle: every k agrees with the definition, for banks and queries that
// fill their blocks, exceed them by one and fall short.
func TestKNNOracle(t *testing.T) {
	b := engines.Go(t)
	const classes, dim = 7, 9
	options := KNNOptions{Ks: []int{1, 2, 5, 33}, Temperature: 0.1}
	for _, size := range []struct{ bank, queries int }{
		{33, 1},
		{100, queryBlock - 1},
		{400, queryBlock},
		{400, queryBlock + 1},
		{bankBlock, 20},
		{bankBlock + 1, 20},
		{2*bankBlock - 1, 20},
	} {
		bank, bankLabels := cloud(2, size.bank, dim, classes, 2)
		queries, labels := cloud(3, size.queries, dim, classes, 2)
		got, err := search(t, b).KNN(t.Context(), bank, bankLabels, queries, labels, classes, options)
		if err != nil {
			t.Fatal(err)
		}
		for i, k := range options.Ks {
			want := KNNResult{K: k, Tally: NewTally(classes)}
			want.N = size.queries
			for q, label := range labels {
				ranking := oracle(bank, bankLabels, queries.Data[q*dim:(q+1)*dim], classes, k, options.Temperature)
				want.Confusion[label][ranking[0]]++
				if ranking[0] == int(label) {
					want.Correct++
				}
				if slices.Contains(ranking[:5], int(label)) {
					want.Correct5++
				}
			}
			if !reflect.DeepEqual(got[i], want) {
				t.Errorf("bank %d, queries %d: %+v, want %+v", size.bank, size.queries, got[i].Tally, want.Tally)
			}
			if size.queries > 100 && (want.Correct == 0 || want.Correct == want.N || want.Correct5 <= want.Correct) {
				t.Errorf("bank %d, k %d: %v shows nothing", size.bank, k, want.Tally)
			}
		}
	}
}

func TestNeighbours(t *testing.T) {
	b := engines.Go(t)
	bank := encoder.Features{Dim: 2, Data: []float32{0, 2, 3, 3, -1, 0, 5, 0}}
	got, err := search(t, b).Neighbours(t.Context(), bank, encoder.Features{Dim: 2, Data: []float32{1, 0}}, 3)
	if err != nil {
		t.Fatal(err)
	}
	want := []Neighbour{{3, 1}, {1, float32(math.Sqrt(0.5))}, {0, 0}}
	for i, n := range got[0] {
		if n.Row != want[i].Row || math.Abs(float64(n.Similarity-want[i].Similarity)) > 1e-6 {
			t.Errorf("neighbours %v, want %v", got[0], want)
		}
	}
	for _, k := range []int{0, 5} {
		if _, err := search(t, b).Neighbours(t.Context(), bank, bank, k); err == nil {
			t.Errorf("%d of 4 rows: no error", k)
		}
	}
	if _, err := search(t, b).Neighbours(t.Context(), bank, encoder.Features{Dim: 1, Data: []float32{1}}, 1); err == nil {
		t.Error("rows of other lengths: no error")
	}
}

// TestKNNTies: equal similarities take the earlier row, equal votes the lower
// class, across the blocks of the bank, too.
func TestKNNTies(t *testing.T) {
	b := engines.Go(t)
	same := func(n int) encoder.Features { return encoder.Features{Dim: 2, Data: slices.Repeat([]float32{3, 4}, n)} }
	long := make([]int32, bankBlock+10)
	for i := range long {
		long[i] = int32(min(i, 2))
	}
	tests := []struct {
		name   string
		labels []int32
		k      int
		want   int32
	}{
		{"the first of equal rows", []int32{2, 0, 1}, 1, 2},
		{"the lower of equal classes", []int32{2, 1, 0}, 3, 0},
		{"two of three", []int32{2, 1, 0}, 2, 1},
		{"over two blocks", long, 2, 0},
		{"one class", []int32{0, 0, 0}, 2, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			options := KNNOptions{Ks: []int{tt.k}, Temperature: 0.1}
			for label := range int32(3) {
				got, err := search(t, b).KNN(t.Context(), same(len(tt.labels)), tt.labels, same(1), []int32{label}, 3, options)
				if err != nil {
					t.Fatal(err)
				}
				if (got[0].Correct == 1) != (label == tt.want) {
					t.Errorf("label %d: %d correct, want class %d elected", label, got[0].Correct, tt.want)
				}
			}
		})
	}
}

// TestKNNWeights: at a low temperature one near neighbour outweighs two far
// ones, at a high one it does not, and neither overflows.
func TestKNNWeights(t *testing.T) {
	bank := encoder.Features{Dim: 2, Data: []float32{1, 0, 1, 1, 1, 1}}
	labels := []int32{0, 1, 1}
	query := encoder.Features{Dim: 2, Data: []float32{1, 0.1}}
	for _, tt := range []struct {
		temperature float64
		want        int32
	}{{0.1, 0}, {1e-9, 0}, {10, 1}, {1e9, 1}} {
		got, err := search(t, engines.Go(t)).KNN(t.Context(), bank, labels, query, []int32{tt.want}, 2, KNNOptions{Ks: []int{3}, Temperature: tt.temperature})
		if err != nil || got[0].Correct != 1 {
			t.Errorf("temperature %g: %+v, error %v, want class %d", tt.temperature, got, err, tt.want)
		}
	}
}

func TestKNNZeroRow(t *testing.T) {
	bank := encoder.Features{Dim: 2, Data: []float32{0, 0, -1, 0}}
	got, err := search(t, engines.Go(t)).KNN(t.Context(), bank, []int32{1, 0}, encoder.Features{Dim: 2, Data: []float32{1, 0}}, []int32{1}, 2, KNNOptions{Ks: []int{1}, Temperature: 0.1})
	if err != nil || got[0].Correct != 1 {
		t.Errorf("%+v, error %v: a row of zeros has similarity 0, nearer than the opposite", got, err)
	}
}

func TestKNNErrors(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	good := KNNOptions{Ks: []int{1, 2}, Temperature: 0.1}
	bank, bankLabels := lightlyBank(), []int32{0, 1, 0, 1}
	queries, labels := lightlyQueries(), []int32{0, 1}
	spoil := func(f encoder.Features, value float32) encoder.Features {
		f.Data[4] = value
		return f
	}
	tests := []struct {
		name           string
		bank, queries  encoder.Features
		bankLabels     []int32
		queryLabels    []int32
		classes        int
		options        KNNOptions
		want           string
		wantsNotFinite bool
	}{
		{"k beyond the bank", bank, queries, bankLabels, labels, 2, KNNOptions{Ks: []int{1, 5}, Temperature: 0.1}, "k 5, want at most the 4 rows of the bank", false},
		{"k zero", bank, queries, bankLabels, labels, 2, KNNOptions{Ks: []int{0, 1}, Temperature: 0.1}, "ks [0 1]", false},
		{"ks not ascending", bank, queries, bankLabels, labels, 2, KNNOptions{Ks: []int{2, 2}, Temperature: 0.1}, "ascending", false},
		{"no ks", bank, queries, bankLabels, labels, 2, KNNOptions{Ks: nil, Temperature: 0.1}, "no k", false},
		{"temperature", bank, queries, bankLabels, labels, 2, KNNOptions{Ks: []int{1}, Temperature: 0}, "temperature 0", false},
		{"temperature NaN", bank, queries, bankLabels, labels, 2, KNNOptions{Ks: []int{1}, Temperature: math.NaN()}, "temperature NaN", false},
		{"label too large", bank, queries, bankLabels, labels, 1, good, "bank: label 1 of row 1, want 0 to 0", false},
		{"label negative", bank, queries, bankLabels, []int32{0, -1}, 2, good, "queries: label -1", false},
		{"labels missing", bank, queries, bankLabels, labels[:1], 2, good, "2 rows and 1 labels", false},
		{"no bank", encoder.Features{Dim: 3}, queries, nil, labels, 2, good, "bank: no rows", false},
		{"no queries", bank, encoder.Features{Dim: 3}, bankLabels, nil, 2, good, "queries: no rows", false},
		{"broken rows", bank, encoder.Features{Dim: 4, Data: queries.Data}, bankLabels, labels, 2, good, "whole rows", false},
		{"no dimension", bank, encoder.Features{}, bankLabels, labels, 2, good, "whole rows", false},
		{"other dimension", bank, encoder.Features{Dim: 2, Data: []float32{1, 2, 3, 4}}, bankLabels, labels, 2, good, "rows of 3 in the bank and of 2", false},
		{"NaN in the bank", spoil(lightlyBank(), nan), queries, bankLabels, labels, 2, good, "bank: row 1: feature is not finite", true},
		{"infinity in a query", bank, spoil(lightlyQueries(), inf), bankLabels, labels, 2, good, "queries: row 1: feature is not finite", true},
	}
	b := engines.Go(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := search(t, b).KNN(t.Context(), tt.bank, tt.bankLabels, tt.queries, tt.queryLabels, tt.classes, tt.options)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			if errors.Is(err, ErrNotFinite) != tt.wantsNotFinite {
				t.Errorf("error %v: ErrNotFinite is %v", err, !tt.wantsNotFinite)
			}
		})
	}
}

// TestKNNLeavesFeatures: normalising is done on a copy.
func TestKNNLeavesFeatures(t *testing.T) {
	bank, queries := lightlyBank(), lightlyQueries()
	if _, err := search(t, engines.Go(t)).KNN(t.Context(), bank, []int32{0, 1, 0, 1}, queries, []int32{0, 1}, 2, KNNOptions{Ks: []int{1}, Temperature: 0.1}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(bank.Data, lightlyBank().Data) || !slices.Equal(queries.Data, lightlyQueries().Data) {
		t.Error("the arguments were changed")
	}
}

func TestPixels(t *testing.T) {
	set := &data.Set{N: 2, Size: 1, Channels: 3, Pixels: []uint8{0, 51, 255, 102, 0, 255}, Labels: []int32{1, 0}, Classes: []string{"a", "b"}}
	got, err := Pixels(t.Context(), set)
	want := encoder.Features{Dim: 3, Data: []float32{0, 0.2, 1, 0.4, 0, 1}}
	if err != nil || got.Dim != want.Dim || !slices.Equal(got.Data, want.Data) || !slices.Equal(got.Labels, set.Labels) {
		t.Errorf("%+v, error %v, want %+v", got, err, want)
	}
	if _, err := Pixels(t.Context(), &data.Set{Size: 1, Channels: 3}); err == nil {
		t.Error("no images: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Pixels(ctx, set); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: error %v", err)
	}
}

// Numbers of neighbours above the bank are left out, and where nothing fits it is the bank.
func TestClip(t *testing.T) {
	for _, test := range []struct {
		ks    []int
		bank  int
		want  []int
		noted bool
	}{
		{[]int{1, 5, 200}, 200, []int{1, 5, 200}, false},
		{[]int{1, 5, 200}, 60, []int{1, 5}, true},
		{[]int{1, 60, 200, 300}, 60, []int{1, 60}, true},
		{[]int{200}, 3, []int{3}, true},
	} {
		got, note := KNNOptions{Ks: test.ks, Temperature: 0.5}.Clip(test.bank)
		if !slices.Equal(got.Ks, test.want) || got.Temperature != 0.5 || (note != "") != test.noted || test.ks[len(test.ks)-1] < 200 {
			t.Errorf("%v of %d: %v, note %q, want %v", test.ks, test.bank, got, note, test.want)
		}
		if err := got.check(test.bank); err != nil {
			t.Errorf("%v of %d: %v", test.ks, test.bank, err)
		}
	}
}

// endsAfter is a context that ends when it was looked at so many times.
type endsAfter struct {
	context.Context
	looks, most int
}

func (c *endsAfter) Err() error {
	if c.looks++; c.looks > c.most {
		return context.Canceled
	}
	return nil
}

// TestKNNGivesUp has a search of four pairs of blocks stop after the second of them.
func TestKNNGivesUp(t *testing.T) {
	bank, bankLabels := cloud(2, 2*bankBlock, 3, 2, 1)
	queries, labels := cloud(3, 2*queryBlock, 3, 2, 1)
	ctx := &endsAfter{Context: t.Context(), most: 5} // three looks while rows are normalised
	_, err := search(t, engines.Go(t)).KNN(ctx, bank, bankLabels, queries, labels, 2, KNNOptions{Ks: []int{1}, Temperature: 0.1})
	if !errors.Is(err, context.Canceled) || ctx.looks != 6 {
		t.Errorf("error %v after %d looks at the context, want context.Canceled after 6", err, ctx.looks)
	}
}

// BenchmarkKNN has the size of an evaluation in the default run.
func BenchmarkKNN(b *testing.B) {
	engine := engines.Go(b)
	bank, bankLabels := cloud(2, 12000, 128, 62, 2)
	queries, labels := cloud(3, 2000, 128, 62, 2)
	options := KNNOptions{Ks: []int{1, 5, 20, 200}, Temperature: 0.1}
	s := search(b, engine)
	for b.Loop() {
		if _, err := s.KNN(b.Context(), bank, bankLabels, queries, labels, 62, options); err != nil {
			b.Fatal(err)
		}
	}
}
