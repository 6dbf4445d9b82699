package data

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// numbered returns a set of n images of 2x2x3 bytes, each byte of image i being i.
func numbered(n int) *Set {
	s := &Set{Name: "numbered", N: n, Size: 2, Channels: 3, Pixels: make([]uint8, 12*n), Labels: make([]int32, n), Classes: []string{"a", "b"}}
	for i := range s.Pixels {
		s.Pixels[i] = uint8(i / 12)
	}
	return s
}

func TestGatherCopiesRowsInOrder(t *testing.T) {
	s := numbered(5)
	dst := make([]uint8, 3*12)
	s.Gather(dst, []int{4, 0, 4})
	want := slices.Concat(s.Image(4), s.Image(0), s.Image(4))
	if !slices.Equal(dst, want) {
		t.Errorf("got %v, want %v", dst, want)
	}
	dst[0] = 99
	if s.Pixels[4*12] != 4 {
		t.Error("writing to the gathered rows changed the set")
	}
}

func TestGatherPanicsOnWrongBuffer(t *testing.T) {
	for name, size := range map[string]int{"short": 11, "long": 13} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Errorf("no panic for a buffer of %d bytes, want one: an image has 12", size)
				}
			}()
			numbered(2).Gather(make([]uint8, size), []int{0})
		})
	}
}

func TestChecksumSeesShapePixelsLabels(t *testing.T) {
	base := numbered(4).Checksum()
	if again := numbered(4).Checksum(); again != base {
		t.Fatalf("got %s, then %s for the same set", base, again)
	}
	for name, change := range map[string]func(*Set){
		"shape":  func(s *Set) { s.Size, s.Channels = 1, 12 },
		"pixel":  func(s *Set) { s.Pixels[17] ^= 1 },
		"label":  func(s *Set) { s.Labels[3] = 1 },
		"labels": func(s *Set) { s.Labels = nil },
	} {
		s := numbered(4)
		change(s)
		if s.Checksum() == base {
			t.Errorf("another %s gives the same checksum", name)
		}
	}
	s := numbered(4)
	s.Name, s.Classes = "other", nil
	if s.Checksum() != base {
		t.Error("another name gives another checksum, want the same: it doesn't change training")
	}
}

func TestFirstCutsOrRefuses(t *testing.T) {
	s := numbered(5)
	cut, err := s.first(2)
	if err != nil {
		t.Fatal(err)
	}
	if cut.N != 2 || len(cut.Pixels) != 24 || len(cut.Labels) != 2 || s.N != 5 {
		t.Errorf("got N %d with %d bytes, %d labels and N %d left in the set, want 2, 24, 2 and 5", cut.N, len(cut.Pixels), len(cut.Labels), s.N)
	}
	if all, err := s.first(0); err != nil || all.N != 5 {
		t.Errorf("first(0): got %v, %v, want all 5", all, err)
	}
	for _, n := range []int{-1, 6} {
		if _, err := s.first(n); err == nil {
			t.Errorf("first(%d) of 5: got no error", n)
		}
	}
}

func TestOpenRefusesNames(t *testing.T) {
	for _, c := range []struct{ name, split, want string }{
		{"mnits", "train", `"mnits"`},
		{"emnist/all", "train", "emnist/balanced"},
		{"mnist/digits", "train", `"mnist/digits"`},
		{"mnist", "val", "train or test"},
	} {
		_, err := Open(c.name, t.TempDir(), c.split, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Open(%q, %q): got error %v, want one with %s", c.name, c.split, err, c.want)
		}
	}
}

func TestEveryNameOpensOrIsMissing(t *testing.T) {
	for _, name := range names() {
		s, err := Open(name, t.TempDir(), "test", Options{N: 1})
		if name == "glyphs" {
			if err != nil || s.N != 1 {
				t.Errorf("glyphs: got %v, %v", s, err)
			}
			continue
		}
		if !errors.Is(err, ErrMissing) {
			t.Errorf("%s: got error %v, want ErrMissing", name, err)
			continue
		}
		family, _, _ := strings.Cut(name, "/")
		if want := "mocotpu data get " + family; !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, want it to name the command %q", name, err, want)
		}
	}
}

func TestClasses(t *testing.T) {
	counts := map[string]int{"byclass": 62, "bymerge": 47, "balanced": 47, "letters": 26, "digits": 10, "mnist": 10}
	for _, e := range emnistSplits {
		if got := e.set().classes; len(got) != counts[e.name] {
			t.Errorf("emnist/%s: got %d classes, want %d", e.name, len(got), counts[e.name])
		}
	}
	if len(cifar10.classes) != 10 || len(cifar100.classes) != 100 {
		t.Errorf("got %d and %d classes, want 10 and 100", len(cifar10.classes), len(cifar100.classes))
	}
	// The published lists are alphabetical.
	if !slices.IsSorted(cifar100.classes) {
		t.Error("the classes of cifar100 are not in order")
	}
	got := []string{emnistSplits[2].set().classes[36], emnistSplits[2].set().classes[46], cifar100.classes[41], cifar10.classes[9]}
	if want := []string{"a", "t", "lawn_mower", "truck"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
