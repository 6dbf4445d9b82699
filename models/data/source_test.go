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

// Sample takes images by the seed, each once and in their order, another choice for another seed.
func TestSample(t *testing.T) {
	set := numbered(40)
	chosen := func(seed uint64) (first []uint8, fingerprint string) {
		s := Sample(set, 10, seed)
		info := s.Info()
		if info.N != 10 || len(info.Labels) != 10 {
			t.Fatalf("got %+v, want 10 images", info)
		}
		dst, rows := make([]uint8, 10*12), make([]Row, 10)
		if err := s.Fill(dst, rows, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}); err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			first = append(first, dst[12*i])
			if rows[i].Label != info.Labels[i] {
				t.Errorf("image %d: label %d, and %d in the list", i, rows[i].Label, info.Labels[i])
			}
		}
		fingerprint, err := s.Fingerprint()
		if err != nil {
			t.Fatal(err)
		}
		return first, fingerprint
	}
	one, is := chosen(1)
	again, same := chosen(1)
	two, other := chosen(2)
	if !slices.Equal(one, again) || is != same || slices.Equal(one, two) || is == other {
		t.Errorf("seed 1 chooses %v and %v, seed 2 %v; fingerprints %s, %s, %s", one, again, two, is, same, other)
	}
	for i := 1; i < len(one); i++ {
		if one[i] <= one[i-1] {
			t.Errorf("chosen %v, want ascending images", one)
		}
	}
	for _, n := range []int{0, 40, 41} {
		if Sample(set, n, 1) != Source(set) {
			t.Errorf("%d of 40 images: got another source, want the set itself", n)
		}
	}
}

// What belongs to images is the same without the images, whether the source has it at hand or must read them.
func TestFillRows(t *testing.T) {
	set := numbered(10)
	whole := struct{ Source }{set} // hides what the set has
	for name, test := range map[string]struct {
		source Source
		has    bool
	}{"a set": {set, true}, "a part of one": {Spread(set, 4), true}, "one that reads": {whole, false}, "a part of that": {Spread(whole, 4), false}} {
		want, got := make([]Row, 3), make([]Row, 3)
		indices := []int{3, 0, 2}
		if err := test.source.Fill(make([]uint8, 3*set.ImageLen()), want, indices); err != nil {
			t.Fatal(err)
		}
		if err := FillRows(test.source, got, indices); err != nil || !slices.Equal(got, want) || HasRows(test.source) != test.has {
			t.Errorf("%s: %v, %v, read %t, want %v", name, got, err, !HasRows(test.source), want)
		}
	}
}
