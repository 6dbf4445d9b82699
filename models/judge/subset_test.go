package judge

import (
	"slices"
	"testing"
)

func TestSubset(t *testing.T) {
	labels := make([]int32, 0, 431)
	for label, n := range []int{300, 100, 30, 1} {
		labels = append(labels, slices.Repeat([]int32{int32(label)}, n)...)
	}
	var smaller []int
	for _, test := range []struct {
		share float64
		want  [4]int
	}{
		{0.01, [4]int{3, 1, 1, 1}},
		{0.1, [4]int{30, 10, 3, 1}},
		{1, [4]int{300, 100, 30, 1}},
	} {
		rows, err := subset(labels, test.share, 5)
		if err != nil {
			t.Fatal(err)
		}
		var got [4]int
		for _, row := range rows {
			got[labels[row]]++
		}
		if got != test.want || !slices.IsSorted(rows) || len(slices.Compact(slices.Clone(rows))) != len(rows) {
			t.Errorf("share %g: %v rows of each class (%v), want %v, each once", test.share, got, rows, test.want)
		}
		for _, row := range smaller {
			if !slices.Contains(rows, row) {
				t.Errorf("share %g lacks row %d of a smaller one", test.share, row)
			}
		}
		smaller = rows
	}
	one, _ := subset(labels, 0.1, 5)
	again, _ := subset(labels, 0.1, 5)
	other, _ := subset(labels, 0.1, 6)
	if !slices.Equal(one, again) || slices.Equal(one, other) {
		t.Error("want the same rows for the same seed, and others for another")
	}
	for _, share := range []float64{0, -1, 1.5} {
		if _, err := subset(labels, share, 1); err == nil {
			t.Errorf("share %g: no error", share)
		}
	}
}
