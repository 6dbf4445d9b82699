//go:build cgo

package judge

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestBlocks: the neighbours and their similarities are the same, bit for bit, in whatever blocks they are computed and by
// however many goroutines they are looked through. Every row of the bank is there twice, which makes ties. The go engine
// multiplies by another algorithm where a block is small: there the blocks stay as they are.
func TestBlocks(t *testing.T) {
	xlatest.Each(t, func(t *testing.T, e *xla.Engine) {
		s := search(t, e)
		for _, dim := range []int{9, 128} {
			bank, _ := cloud(5, 350, dim, 3, 1)
			bank.Data = slices.Concat(bank.Data, bank.Data)
			queries, _ := cloud(6, 70, dim, 3, 1)
			var want string
			for _, blocks := range []struct{ queries, bank, threads int }{{256, 4096, 2}, {64, 64, 1}, {7, 128, 3}, {32, 512, 2}} {
				if e.EngineName() != "go" {
					s.queryBlock, s.bankBlock = blocks.queries, blocks.bank
				}
				before := runtime.GOMAXPROCS(blocks.threads)
				found := must.M1(s.Neighbours(t.Context(), bank, queries, 20))
				runtime.GOMAXPROCS(before)
				for q, rows := range found {
					for i := 0; i < len(rows); i += 2 {
						if rows[i+1].Row != rows[i].Row+350 || rows[i+1].Similarity != rows[i].Similarity {
							t.Fatalf("%d features, blocks %+v, query %d: neighbours %v, want each row before its equal", dim, blocks, q, rows)
						}
					}
				}
				if got := fmt.Sprint(found); want == "" {
					want = got
				} else if got != want {
					t.Errorf("%d features, blocks %+v: other neighbours or similarities than at first", dim, blocks)
				}
			}
		}
	})
}
