//go:build cgo

package judge

import (
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestSearchCompilesOnce: one program for sets of one size and rows of one length, however often it is asked.
func TestSearchCompilesOnce(t *testing.T) {
	xlatest.Each(t, func(t *testing.T, e *xla.Engine) {
		s, before := search(t, e), xlatest.Programs(e)
		for i, want := range []int{1, 1, 2, 2, 3} {
			dim, queries := 4+2*(i/2), 30
			bank, bankLabels := cloud(uint64(i), 50, dim, 3, 1)
			q, labels := cloud(uint64(i)+10, queries, dim, 3, 1)
			if _, err := s.KNN(t.Context(), bank, bankLabels, q, labels, 3, KNNOptions{Ks: []int{1, 5}, Temperature: 0.1}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Neighbours(t.Context(), bank, q, 3); err != nil {
				t.Fatal(err)
			}
			if got := xlatest.Programs(e) - before; got != want {
				t.Errorf("after %d questions: %d programs compiled, want %d", 2*(i+1), got, want)
			}
		}
	})
}

// BenchmarkNeighbours is the search among rows of 128 features, a query an operation.
func BenchmarkNeighbours(b *testing.B) {
	e := must.M1(xla.Open("cpu", xla.Options{}))
	defer e.Close()
	s := search(b, e)
	bank, _ := cloud(1, 64<<10, 128, 100, 2)
	queries, _ := cloud(2, 512, 128, 100, 2)
	must.M1(s.Neighbours(b.Context(), bank, queries, 200)) // compiles
	rounds := 0
	for b.Loop() {
		must.M1(s.Neighbours(b.Context(), bank, queries, 200))
		rounds++
	}
	perQuery := float64(b.Elapsed().Nanoseconds()) / float64(rounds*queries.Len())
	b.ReportMetric(perQuery, "ns/query")
	b.ReportMetric(2*float64(bank.Len()*bank.Dim)/perQuery, "Gflop/s")
}
