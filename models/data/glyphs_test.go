package data

import (
	"crypto/sha256"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func glyphs(t *testing.T, split string, o Options) *Set {
	t.Helper()
	s, err := Open("glyphs", "", split, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The set that runs are compared on can't drift: these are the first 64 images of seed 0.
func TestGlyphsGolden(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the recorded bytes are amd64's")
	}
	for _, c := range []struct {
		split string
		o     Options
		want  string
	}{
		{"train", Options{N: 64}, "dea45899bfaac3fc4ee40a908742421a9a059331eb2e8909da1ef696d15513f5"},
		{"test", Options{N: 64}, "73e2d94373629805ee644c14e7563f99fba50ffa0b562c45ecb0aa5457c57342"},
		{"train", Options{N: 64, Seed: 1}, "3464a903c2d71aa9625999f3d6fd1f0543f00cd9ff80e3b6fa86c04eb022af0d"},
		{"train", Options{N: 64, Hard: true}, "4956406a15b9ee89350cad9557205be03cbde44ea1ded8e1a812bf583d21eb8e"},
	} {
		if got := glyphs(t, c.split, c.o).Checksum(); got != c.want {
			t.Errorf("%s %+v: got checksum %s, want %s", c.split, c.o, got, c.want)
		}
	}
}

// The sizes of the default sets, the balance of their classes, and that no drawing occurs twice, in one split or in both.
func TestGlyphsAreBalancedAndNeverRepeat(t *testing.T) {
	seen := map[[32]byte]string{}
	for split, n := range map[string]int{"train": 12000, "test": 2000} {
		s := glyphs(t, split, Options{})
		if s.N != n || s.Size != 32 || s.Channels != 3 || len(s.Pixels) != n*3072 || len(s.Labels) != n || strings.Join(s.Classes, "") != characters {
			t.Fatalf("%s: got N %d, %dx%d, %d bytes, %d labels, want %d images of 32x32x3", split, s.N, s.Size, s.Channels, len(s.Pixels), len(s.Labels), n)
		}
		counts := make([]int, 62)
		for i := range s.N {
			counts[s.Labels[i]]++
			sum := sha256.Sum256(s.Image(i))
			if other, ok := seen[sum]; ok {
				t.Fatalf("image %d of %s was drawn before, in %s", i, split, other)
			}
			seen[sum] = split
		}
		if slices.Max(counts)-slices.Min(counts) > 1 {
			t.Errorf("%s: got class counts %v, want them to differ by 1 at most", split, counts)
		}
	}
}

// Neither the number of threads nor the size of the set may show in an image.
func TestGlyphsArePure(t *testing.T) {
	want := glyphs(t, "train", Options{N: 200, Seed: 5})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	if got := glyphs(t, "train", Options{N: 200, Seed: 5}); got.Checksum() != want.Checksum() {
		t.Error("with GOMAXPROCS=3 the images differ")
	}
	runtime.GOMAXPROCS(1)
	larger, err := glyphs(t, "train", Options{N: 300, Seed: 5}).first(200)
	if err != nil {
		t.Fatal(err)
	}
	if larger.Checksum() != want.Checksum() {
		t.Error("the first 200 of 300 images are not the 200 images")
	}
	if other := glyphs(t, "train", Options{N: 200, Seed: 6}); other.Checksum() == want.Checksum() {
		t.Error("another seed gives the same images")
	}
}

// A character must stand out: the glyph is the bright part of an image, and neither missing nor everywhere.
func TestGlyphsAreBrightOnDark(t *testing.T) {
	s := glyphs(t, "train", Options{N: 62 * 20})
	for i := range s.N {
		image := s.Image(i)
		bright := 0
		for p := 0; p < len(image); p += 3 {
			if (int(image[p])+int(image[p+1])+int(image[p+2]))/3 > 105 {
				bright++
			}
		}
		// From a thin l to a bold W.
		if bright < 12 || bright > 500 {
			t.Errorf("image %d (%s): got %d bright pixels of 1024, want 12 to 500", i, s.Classes[s.Labels[i]], bright)
		}
	}
}

func TestGlyphsRefuseCount(t *testing.T) {
	for _, n := range []int{-1, glyphsMost + 1} {
		if _, err := Open("glyphs", "", "train", Options{N: n}); err == nil {
			t.Errorf("got no error for %d images", n)
		}
	}
}

func TestOutlinesAreCentredCharacters(t *testing.T) {
	fonts, err := outlines()
	if err != nil {
		t.Fatal(err)
	}
	if len(fonts) != 12 {
		t.Fatalf("got %d fonts, want 12", len(fonts))
	}
	for f, shapes := range fonts {
		if len(shapes) != len(characters) {
			t.Fatalf("font %d: got %d characters, want %d", f, len(shapes), len(characters))
		}
		for class, shape := range shapes {
			var low, high point
			for _, s := range shape {
				for _, p := range s.points {
					low = point{min(low.x, p.x), min(low.y, p.y)}
					high = point{max(high.x, p.x), max(high.y, p.y)}
				}
			}
			width, height := high.x-low.x, high.y-low.y
			if width < 0.05 || width > 1.2 || height < 0.4 || height > 1.2 || low.x > -width/2.2 || low.y > -height/2.2 {
				t.Errorf("font %d, %q: got box %v to %v, want about 1 em about the origin", f, characters[class], low, high)
			}
		}
	}
}

func BenchmarkGlyphs(b *testing.B) {
	for b.Loop() {
		if _, err := Open("glyphs", "", "train", Options{N: 1000}); err != nil {
			b.Fatal(err)
		}
	}
}
