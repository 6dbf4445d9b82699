package judge

import (
	"fmt"
	"slices"
)

// Tally counts what a classifier made of labelled images.
type Tally struct {
	// N is the number of images; Correct of them were given their own class, and for Correct5 it was among the five
	// most likely.
	N        int `json:"n"`
	Correct  int `json:"correct"`
	Correct5 int `json:"correct5"`
	// Confusion counts the images of each class (first index) by the class they were given.
	Confusion [][]int `json:"confusion"`
}

// NewTally counts nothing yet.
func NewTally(classes int) *Tally {
	t := &Tally{Confusion: make([][]int, classes)}
	for i := range t.Confusion {
		t.Confusion[i] = make([]int, classes)
	}
	return t
}

// Add counts one image by its label and the scores of all classes. Of two classes with equal scores the lower is the
// more likely; a NaN is the least likely of all.
func (t *Tally) Add(label int32, scores []float32) { count(t, label, scores) }

func count[F float32 | float64](t *Tally, label int32, scores []F) {
	mine := scores[label]
	rank, best := 0, 0
	for class, s := range scores {
		if s > mine || s == mine && class < int(label) || mine != mine {
			rank++
		}
		if s > scores[best] || scores[best] != scores[best] {
			best = class
		}
	}
	t.N++
	t.Confusion[label][best]++
	if best == int(label) {
		t.Correct++
	}
	if rank < 5 {
		t.Correct5++
	}
}

// Top1 and Top5 are accuracies in percent.
func (t *Tally) Top1() float64 { return percent(t.Correct, t.N) }

// Top5 is the share of images whose class is among the five most likely, in percent.
func (t *Tally) Top5() float64 { return percent(t.Correct5, t.N) }

// Interval is Wilson's 95 % interval of Top1 in percent: how far chance in the choice of the test images reaches. What
// another seed would change is not in it.
func (t *Tally) Interval() (low, high float64) {
	low, high = Interval(float64(t.Correct)/float64(t.N), t.N)
	return 100 * low, 100 * high
}

// Mistake is a class that images of another one were given.
type Mistake struct {
	Label, Given, Images int
}

// Mistakes are the most frequent mistakes, at most so many; of equally frequent ones the lower classes come first.
func (t *Tally) Mistakes(most int) []Mistake {
	var all []Mistake
	for label, row := range t.Confusion {
		for given, n := range row {
			if n > 0 && given != label {
				all = append(all, Mistake{label, given, n})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Mistake) int { return b.Images - a.Images })
	return all[:min(most, len(all))]
}

func percent(part, whole int) float64 { return 100 * float64(part) / float64(whole) }

func (t *Tally) String() string {
	low, high := t.Interval()
	return fmt.Sprintf("top-1 %.1f %% (%.1f to %.1f), top-5 %.1f %% of %d", t.Top1(), low, high, t.Top5(), t.N)
}
