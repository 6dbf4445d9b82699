package moco

import (
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

var shuffleSizes = []struct{ n, groups, set int }{
	{8, 1, 1},
	{16, 2, 2},
	{64, 8, 8},
	{32, 4, 4},
	{36, 6, 6},
	{32, 8, 4},     // 4 images a group: two sets of 4 groups
	{2048, 64, 32}, // a pod: 64 groups of 32
	{24, 4, 2},     // 6 images a group
	{8, 8, 1},      // one image a group: nothing to exchange
	{15, 5, 1},     // 3 images a group
}

func TestShuffleSet(t *testing.T) {
	for _, size := range shuffleSizes {
		if got := shuffleSet(size.groups, size.n); got != size.set {
			t.Errorf("%d images in %d groups: sets of %d groups, want %d", size.n, size.groups, got, size.set)
		}
	}
}

// ShuffleOrder is a permutation, its own inverse, the graph's shuffle, and balanced: each group gets n/s
// images of every group of its set.
func TestShuffle(t *testing.T) {
	for _, size := range shuffleSizes {
		c := Config{Batch: size.n, Groups: size.groups, Shuffle: true}
		order := c.ShuffleOrder()
		sorted := slices.Sorted(slices.Values(order))
		for i := range size.n {
			if sorted[i] != i {
				t.Fatalf("%v: order %v is no permutation", size, order)
			}
			if order[order[i]] != i {
				t.Fatalf("%v: order %v is not its own inverse", size, order)
			}
		}
		rows := size.n / size.groups
		for group := range size.groups {
			from := map[int]int{}
			for _, i := range order[group*rows : (group+1)*rows] {
				from[i/rows]++
			}
			first := group / size.set * size.set
			for g := first; g < first+size.set; g++ {
				if from[g] != rows/size.set {
					t.Errorf("%v: group %d has %d images of group %d, want %d", size, group, from[g], g, rows/size.set)
				}
			}
		}

		// Rows of six values, of rank 3: the graph's shuffle moves rows as a whole, twice is the identity.
		values := numbers(size.n*6, 0)
		got := onGo(t, func(args []*Node) []*Node {
			once := shuffle(args[0], size.groups)
			return []*Node{once, shuffle(once, size.groups)}
		}, tensors.FromFlatDataAndDimensions(values, size.n, 2, 3))
		var want []float32
		for _, i := range order {
			want = append(want, values[6*i:6*i+6]...)
		}
		if !slices.Equal(got[0], want) {
			t.Errorf("%v: shuffled rows %v, want %v", size, got[0], want)
		}
		if !slices.Equal(got[1], values) {
			t.Errorf("%v: shuffled twice %v, want the rows in order", size, got[1])
		}
	}
}

func TestShuffleOrderUnshuffled(t *testing.T) {
	order := Config{Batch: 6, Groups: 2}.ShuffleOrder()
	if want := []int{0, 1, 2, 3, 4, 5}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
}

// TestShuffleSetSize against the definition, by trying every divisor.
func TestShuffleSetSize(t *testing.T) {
	for groups := 1; groups <= 40; groups++ {
		for perGroup := 1; perGroup <= 40; perGroup++ {
			want := 1
			for s := 1; s <= groups; s++ {
				if groups%s == 0 && perGroup%s == 0 {
					want = s
				}
			}
			if got := shuffleSet(groups, groups*perGroup); got != want {
				t.Errorf("%d groups of %d: %d, want %d", groups, perGroup, got, want)
			}
		}
	}
}
