package judge

import (
	"math"
	"reflect"
	"testing"
)

func TestTally(t *testing.T) {
	nan := float32(math.NaN())
	scores := func(best ...int) []float32 { // the classes from the most likely on; the others get nothing
		s := make([]float32, 7)
		for rank, class := range best {
			s[class] = float32(10 - rank)
		}
		return s
	}
	for _, test := range []struct {
		name     string
		label    int32
		scores   []float32
		given    int
		top, of5 bool
	}{
		{"first", 3, scores(3), 3, true, true},
		{"second", 3, scores(6, 3), 6, false, true},
		{"fifth", 3, scores(6, 5, 4, 2, 3), 6, false, true},
		{"sixth", 3, scores(6, 5, 4, 2, 1, 3), 6, false, false},
		{"the lower class wins a tie", 0, make([]float32, 7), 0, true, true},
		{"the fifth of a tie", 4, make([]float32, 7), 0, false, true},
		{"the sixth of a tie", 5, make([]float32, 7), 0, false, false},
		{"NaN is the least likely", 0, []float32{nan, 1, 2, 0, 0, 0, 0}, 2, false, false},
		{"nothing but NaN", 0, []float32{nan, nan, nan, nan, nan, nan, nan}, 6, false, false},
	} {
		tally := NewTally(7)
		tally.Add(test.label, test.scores)
		want := NewTally(7)
		want.N, want.Confusion[test.label][test.given] = 1, 1
		if test.top {
			want.Correct = 1
		}
		if test.of5 {
			want.Correct5 = 1
		}
		if !reflect.DeepEqual(tally, want) {
			t.Errorf("%s: %+v, want %+v", test.name, tally, want)
		}
	}
}

func TestTallySumsUp(t *testing.T) {
	tally := &Tally{N: 8, Correct: 4, Correct5: 6, Confusion: [][]int{{3, 1, 0}, {2, 1, 1}, {0, 0, 0}}}
	if tally.Top1() != 50 || tally.Top5() != 75 {
		t.Errorf("top-1 %g, top-5 %g, want 50 and 75", tally.Top1(), tally.Top5())
	}
	low, high := tally.Interval()
	if math.Abs(low-21.5215) > 1e-3 || math.Abs(high-78.4785) > 1e-3 {
		t.Errorf("interval %.4f to %.4f, want Wilson's of 4 in 8, 21.5215 to 78.4785", low, high)
	}
	want := []Mistake{{1, 0, 2}, {0, 1, 1}}
	if got := tally.Mistakes(2); !reflect.DeepEqual(got, want) {
		t.Errorf("mistakes %v, want %v", got, want)
	}
	if got := tally.Mistakes(9); len(got) != 3 {
		t.Errorf("%d mistakes, want all 3", len(got))
	}
	if want := "top-1 50.0 % (21.5 to 78.5), top-5 75.0 % of 8"; tally.String() != want {
		t.Errorf("%q, want %q", tally, want)
	}
}
