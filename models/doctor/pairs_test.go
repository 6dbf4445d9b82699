package doctor

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/janpfeifer/must"
)

// noise is a square image of random gray, 16 pixels a side, or, where of is not nil, that one with some noise upon it.
func noise(random *rand.Rand, of []uint8, strength float64) []uint8 {
	p := make([]uint8, cells)
	for i := range p {
		p[i] = uint8(random.IntN(256))
		if of != nil {
			p[i] = uint8(min(max(float64(of[i])+strength*random.NormFloat64(), 0), 255))
		}
	}
	return p
}

// The pairs that the tables find are those that comparing all with all finds: of 1000 random images, of which 270 are
// others with more and more noise, and 100 mirrored ones. Which goroutine finds them does not matter.
func TestSimilarFindsAllPairs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := newShrinker(grid, 1)
	a := newAlbum(1000)
	var images [][]uint8
	var numbers []int32
	for i := range len(a.contents) {
		p := noise(random, nil, 0)
		if i%10 < 3 && i > 100 {
			p = noise(random, images[i-37], float64(i%17)) // 0 to 16 levels: cosines from 1 to 0.97
		}
		images = append(images, p)
		d, _ := s.draw(p)
		if i%10 == 0 {
			d = d.mirrored()
		}
		a.add(i, contentOf(p, 1), d)
		numbers = append(numbers, int32(i))
	}
	var want []pair
	for i := range numbers {
		for j := range i {
			m := a.drawings[i].mirrored()
			plain, mirror := a.drawings[j].cosine(&a.drawings[i]), a.drawings[j].cosine(&m)
			if plain >= nearCosine {
				want = append(want, pair{int32(j), int32(i), plain, false})
			} else if mirror >= nearCosine {
				want = append(want, pair{int32(j), int32(i), mirror, true})
			}
		}
	}
	order := func(x, y pair) int { return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b)) }
	slices.SortFunc(want, order)
	for _, workers := range []int{1, 7} {
		before := runtime.GOMAXPROCS(workers)
		var got []pair
		must.M(a.similar(t.Context(), numbers, nil, func(p pair) { got = append(got, p) }))
		runtime.GOMAXPROCS(before)
		slices.SortFunc(got, order)
		missed := len(want) - len(got)
		for i := 1; i < len(got); i++ {
			if order(got[i-1], got[i]) == 0 {
				t.Fatalf("%v twice", got[i])
			}
		}
		for _, p := range got {
			if _, found := slices.BinarySearchFunc(want, p, order); !found {
				t.Fatalf("%v is not similar", p)
			}
		}
		t.Logf("%d workers: %d of %d pairs", workers, len(got), len(want))
		if len(want) < 200 || missed > 1 {
			t.Errorf("%d workers: %d of %d pairs missed, want one at most of more than 200", workers, missed, len(want))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.similar(ctx, numbers, nil, func(pair) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
}

// Of a film of 600 frames that are all alike one image is left, though no frame is compared with more than 50 others.
func TestManyAlike(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	s := newShrinker(grid, 1)
	scene := noise(random, nil, 0)
	a := newAlbum(600)
	a.window = 50
	for i := range len(a.contents) {
		p := noise(random, scene, 1)
		d, _ := s.draw(p)
		a.add(i, contentOf(p, 1), d)
	}
	f, firsts := newFindings(a, len(a.contents))
	must.M(a.similar(t.Context(), firsts, nil, f.similar))
	f.close()
	var split Split
	f.tell(&split, 0, len(a.contents))
	if split.Near != 599 || split.Distinct != 1 {
		t.Errorf("%+v, want one image and 599 like it", split)
	}
}

// What is counted, of seven training images and four others: two pairs of copies, and near duplicates of them.
func TestFindings(t *testing.T) {
	a := newAlbum(11)
	random := rand.New(rand.NewPCG(5, 6))
	s := newShrinker(grid, 1)
	p, q, r := noise(random, nil, 0), noise(random, nil, 0), noise(random, nil, 0)
	images := [][]uint8{
		p, q, noise(random, p, 1), p, noise(random, nil, 0), noise(random, nil, 0), noise(random, q, 1), // train
		p, noise(random, p, 1), r, r,
	}
	for i, image := range images {
		d, _ := s.draw(image)
		a.add(i, contentOf(image, 1), d)
	}
	f, firsts := newFindings(a, 7)
	must.M(a.similar(t.Context(), firsts, nil, f.similar))
	f.close()
	var train, test Split
	f.tell(&train, 0, 7)
	f.tell(&test, 7, 11)
	if train.Exact != 1 || train.Near != 2 || train.Distinct != 4 {
		t.Errorf("train %+v, want 1 exact, 2 near, 4 distinct", train)
	}
	if test.Exact != 1 || test.Near != 0 || test.Distinct != 3 {
		t.Errorf("test %+v, want 1 exact, 0 near, 3 distinct", test)
	}
	if f.across[7] != (match{0, exact, 1}) || f.across[8].kind != near || f.across[9].kind != none || f.across[10].kind != none {
		t.Errorf("across %v", f.across[7:])
	}
	if want := []int32{2, 1, 2, 2, 0, 0, 1}; !slices.Equal(f.alike, want) {
		t.Errorf("alike %v, want %v", f.alike, want)
	}
	n := f.negatives(3)
	share := (3*2.0/7 + 2*1.0/7) / 7
	queries := (3*(1-math.Pow(5.0/7, 3)) + 2*(1-math.Pow(6.0/7, 3))) / 7
	if n.Images != 5 || math.Abs(n.Share-100*share) > 1e-9 || math.Abs(n.Queries-100*queries) > 1e-9 {
		t.Errorf("%+v, want 5 images, %v %%, %v %%", n, 100*share, 100*queries)
	}
}
