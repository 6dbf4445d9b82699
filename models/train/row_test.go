package train

import (
	"slices"
	"testing"

	"github.com/mocotpu/mocotpu/models/run"
)

// Rows come every LogEvery steps, at the end, and once an epoch where epochs are shorter.
func TestRowDue(t *testing.T) {
	for _, test := range []struct {
		every, perEpoch, total int
		want                   []int
	}{
		{every: 4, perEpoch: 5, total: 11, want: []int{4, 8, 11}},
		{every: 4, perEpoch: 4, total: 9, want: []int{4, 8, 9}},
		{every: 10, perEpoch: 3, total: 12, want: []int{3, 6, 9, 10, 12}},
		{every: 100, perEpoch: 1, total: 3, want: []int{1, 2, 3}},
	} {
		s := &session{config: run.Config{Run: run.Run{LogEvery: test.every}}, perEpoch: test.perEpoch, total: test.total}
		var got []int
		for s.done = 1; s.done <= s.total; s.done++ {
			if s.rowDue() {
				got = append(got, s.done)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("every %d, %d an epoch, %d in all: rows after %v, want %v", test.every, test.perEpoch, test.total, got, test.want)
		}
	}
}
