package judge

import (
	"fmt"
	"math"
	"slices"

	"github.com/mocotpu/mocotpu/models/data"
)

// subset chooses a share (above 0, at most 1) of the labelled rows, the same share of every class, rounded up, so that
// each class that has rows keeps one. It returns ascending indices, a pure function of labels, share and seed. A
// smaller share's rows are among a larger one's.
func subset(labels []int32, share float64, seed uint64) ([]int, error) {
	if !(share > 0 && share <= 1) {
		return nil, fmt.Errorf("judge: share %g of the labels, want above 0, at most 1", share)
	}
	rows := map[int32]int{}
	for _, label := range labels {
		rows[label]++
	}
	left := map[int32]int{}
	for label, n := range rows {
		// The small distance keeps 10 % of 30 at 3, whatever 0.1*30 rounds to.
		left[label] = int(math.Ceil(share*float64(n) - 1e-9))
	}
	var chosen []int
	for _, row := range data.Order(seed, -1, len(labels)) {
		if label := labels[row]; left[label] > 0 {
			left[label]--
			chosen = append(chosen, row)
		}
	}
	slices.Sort(chosen)
	return chosen, nil
}
