package data

import (
	"math"
	"slices"
	"testing"
)

func TestOrderIsAPermutation(t *testing.T) {
	for _, n := range []int{0, 1, 2, 62, 1000} {
		order := Order(3, 1, n)
		slices.Sort(order)
		if len(order) != n {
			t.Fatalf("got %d indices, want %d", len(order), n)
		}
		for i, v := range order {
			if v != i {
				t.Fatalf("n %d: sorted, got %d at %d", n, v, i)
			}
		}
	}
}

// Epochs and seeds must not be exchangeable: seed 1 epoch 2 is not seed 2 epoch 1.
func TestOrderDiffersBySeedAndEpoch(t *testing.T) {
	seen := map[[8]int][2]int{}
	for seed := range 30 {
		for epoch := range 30 {
			key := [8]int(Order(uint64(seed), epoch, 500)[:8])
			if other, ok := seen[key]; ok {
				t.Errorf("seed %d epoch %d begins like seed %d epoch %d", seed, epoch, other[0], other[1])
			}
			seen[key] = [2]int{seed, epoch}
		}
	}
}

// A resumed run needs yesterday's order.
func TestOrderIsStable(t *testing.T) {
	got := Order(42, 3, 12)
	want := []int{7, 6, 8, 2, 3, 11, 5, 1, 9, 10, 4, 0}
	if !slices.Equal(got, want) {
		t.Errorf("Order(42, 3, 12): got %v, want %v", got, want)
	}
}

// Every image should come first about equally often: 6400 orders of 64, so 100 times each with a deviation of 10.
func TestOrderIsUniform(t *testing.T) {
	var first, last [64]int
	for epoch := range 6400 {
		order := Order(5, epoch, 64)
		first[order[0]]++
		last[order[63]]++
	}
	for i := range 64 {
		if first[i] < 55 || first[i] > 145 || last[i] < 55 || last[i] > 145 {
			t.Errorf("image %d came first %d times and last %d times, want about 100", i, first[i], last[i])
		}
	}
}

func TestStreamMoments(t *testing.T) {
	s := newStream(1, 1, 0)
	const n = 200000
	var sum, squares, uniform float64
	for range n {
		x := float64(s.normal(2))
		sum, squares = sum+x, squares+x*x
		uniform += float64(s.uniform(-1, 3))
	}
	mean, deviation := sum/n, math.Sqrt(squares/n)
	if math.Abs(mean) > 0.03 || math.Abs(deviation-2) > 0.03 || math.Abs(uniform/n-1) > 0.02 {
		t.Errorf("got mean %.3f, deviation %.3f, uniform mean %.3f, want 0, 2, 1", mean, deviation, uniform/n)
	}
}

// The ground on which train and test never share a drawing.
func TestStreamsShareNoWord(t *testing.T) {
	seen := map[uint64]bool{}
	for _, index := range []uint64{0, 1, 2, glyphsMost, 1 << (63 - streamBits), 1<<(63-streamBits) + 1} {
		s := newStream(9, purposeGlyphs, index)
		for range 3000 {
			w := s.word()
			if seen[w] {
				t.Fatalf("stream %d: word %#x was there before", index, w)
			}
			seen[w] = true
		}
	}
}
