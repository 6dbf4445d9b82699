package data

import (
	"reflect"
	"slices"
	"testing"
)

func TestSetIsASource(t *testing.T) {
	var s Source = numbered(5)
	dst, rows := make([]uint8, 24), make([]Row, 2)
	if err := s.Fill(dst, rows, []int{3, 1}); err != nil {
		t.Fatal(err)
	}
	if dst[0] != 3 || dst[12] != 1 || rows[0] != (Row{Aspect: 1, Label: 0}) {
		t.Errorf("got %v and %v, want images 3 and 1 of square originals and class 0", dst, rows)
	}
	unlabeled := numbered(5)
	unlabeled.Labels = nil
	if err := unlabeled.Fill(dst, rows, []int{3, 1}); err != nil || rows[1].Label != -1 {
		t.Errorf("got %v, error %v, want label -1 for an image without a class", rows, err)
	}
}

func TestSpread(t *testing.T) {
	set := numbered(10)
	set.Labels = []int32{0, 0, 0, 0, 0, 1, 1, 1, 1, 1}
	s := Spread(set, 4)
	if info := s.Info(); info.N != 4 || !slices.Equal(info.Labels, []int32{0, 0, 1, 1}) || !slices.Equal(info.Classes, set.Classes) {
		t.Errorf("got %+v, want 4 images, two of each class", info)
	}
	dst, rows := make([]uint8, 4*12), make([]Row, 4)
	if err := s.Fill(dst, rows, []int{0, 1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if got, want := []uint8{dst[0], dst[12], dst[24], dst[36]}, []uint8{0, 2, 5, 7}; !reflect.DeepEqual(got, want) {
		t.Errorf("got images %v, want %v", got, want)
	}
	for _, n := range []int{0, 10, 11} {
		if Spread(set, n) != Source(set) {
			t.Errorf("%d of 10 images: got another source, want the set itself", n)
		}
	}
}
