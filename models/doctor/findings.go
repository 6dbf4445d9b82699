package doctor

import (
	"bytes"
	"cmp"
	"maps"
	"math"
	"slices"
)

// match is what an image is a duplicate of.
type match struct {
	of         int32 // -1: nothing
	kind       kind
	similarity float32
}

// kind says how.
type kind uint8

const (
	none kind = iota
	seen
	mirrored
	near
	exact
)

func (k kind) String() string { return [...]string{"", "seen", "mirrored", "near", "exact"}[k] }

// better tells whether m is the more similar of the two, or has the lower number where both are equally similar.
func (m match) better(than match) bool {
	if m.kind == exact || than.kind == exact {
		return m.kind == exact && (than.kind != exact || m.of < than.of)
	}
	if m.similarity != than.similarity {
		return m.similarity > than.similarity
	}
	return m.of < than.of || m.of == than.of && m.kind > than.kind
}

// findings are the duplicates among train images, which come first, and the others.
type findings struct {
	train, all int
	first      []int32 // of the images with the same pixels: the first
	copies     []int32 // of a first: how many have its pixels, of the training images
	within     []match // an earlier one of the same split
	across     []match // of an image that is no training image: the training image most like it
	parent     []int32 // of union-find, among images of one split
	alike      []int32 // training images that are near or exact duplicates of this training image
}

// newFindings finds the images with the same pixels. Images that could not be read have the content zero and are left out.
// firsts are the images to compare further: without exact copies of earlier ones, and without flat images.
func newFindings(a *album, train int) (f *findings, firsts []int32) {
	n := len(a.contents)
	f = &findings{
		train: train, all: n, first: make([]int32, n), copies: make([]int32, n), parent: make([]int32, n),
		within: make([]match, n), across: make([]match, n), alike: make([]int32, train),
	}
	order := make([]int32, 0, n)
	for i := range n {
		f.first[i], f.parent[i] = int32(i), int32(i)
		f.within[i].of, f.across[i].of = -1, -1
		if a.contents[i] != (content{}) {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(i, j int32) int {
		return cmp.Or(bytes.Compare(a.contents[i][:], a.contents[j][:]), cmp.Compare(i, j))
	})
	for start := 0; start < len(order); {
		end := start + 1
		for end < len(order) && a.contents[order[end]] == a.contents[order[start]] {
			end++
		}
		f.same(order[start:end])
		if a.drawings[order[start]].length > 0 {
			firsts = append(firsts, order[start])
		}
		start = end
	}
	slices.Sort(firsts)
	return f, firsts
}

// same notes images, in ascending order, that have the same pixels.
func (f *findings) same(images []int32) {
	inTrain, others := 0, int32(-1) // the first that is no training image
	for _, i := range images {
		f.first[i] = images[0]
		if int(i) < f.train {
			inTrain++
		} else if others < 0 {
			others = i
		}
	}
	f.copies[images[0]] = int32(inTrain)
	for _, i := range images {
		ofSplit := images[0]
		if int(i) < f.train {
			f.alike[i] = int32(inTrain - 1)
		} else {
			ofSplit = others
			if inTrain > 0 {
				f.across[i] = match{images[0], exact, 1}
			}
		}
		if i != ofSplit {
			f.within[i] = match{ofSplit, exact, 1}
			f.join(i, ofSplit)
		}
	}
}

// similar notes a pair of firsts.
func (f *findings) similar(p pair) {
	m := match{p.a, near, p.similarity}
	if p.mirrored {
		m.kind = mirrored
	}
	aTrains, bTrains := int(p.a) < f.train, int(p.b) < f.train
	switch {
	case aTrains != bTrains:
		if m.better(f.across[p.b]) || f.across[p.b].of < 0 {
			f.across[p.b] = m
		}
		return
	case f.within[p.b].of < 0 || m.better(f.within[p.b]):
		f.within[p.b] = m
	}
	f.join(p.a, p.b)
	if aTrains {
		f.alike[p.a] += f.copies[p.b]
		f.alike[p.b] += f.copies[p.a]
	}
}

// close gives each exact copy what was found for the first image with its pixels.
func (f *findings) close() {
	for i, first := range f.first {
		if int(first) == i {
			continue
		}
		if i < f.train {
			// What same counted are the copies; what similar added to the first are the others.
			f.alike[i] = f.alike[first]
		} else if f.across[i].of < 0 {
			f.across[i] = f.across[first]
		}
	}
}

func (f *findings) root(i int32) int32 {
	for f.parent[i] != i {
		f.parent[i] = f.parent[f.parent[i]]
		i = f.parent[i]
	}
	return i
}

// join makes the sets of two images one, whose root is the lowest number of them.
func (f *findings) join(i, j int32) {
	i, j = f.root(i), f.root(j)
	f.parent[max(i, j)] = min(i, j)
}

// tell puts the counts of the images from first to last-1 into their split.
func (f *findings) tell(s *Split, first, last int) {
	for i := first; i < last; i++ {
		switch f.within[i].kind {
		case exact:
			s.Exact++
		case mirrored:
			s.Mirrored++
		case near:
			s.Near++
		}
		if f.parent[i] == int32(i) {
			s.Groups++
		}
	}
	s.Groups -= s.unread
	s.Distinct = last - first - s.unread - s.Exact - s.Near - s.Mirrored
}

// Negatives says how much of a queue are near or exact duplicates of the query: keys that it is told to be unlike.
type Negatives struct {
	// Images counts the training images that have any duplicate among the others.
	Images int `json:"images"`
	// Share is the mean over the queries of the share of a query's duplicates among the training images, in percent. A queue
	// is expected to hold the same share.
	Share float64 `json:"share"`
	// Queue is the number of keys, 0 where nothing trains on the set. Queries is the percentage of queries that are expected
	// to have a duplicate in the queue: the mean of 1-(1-share)^queue.
	Queue   int     `json:"queue"`
	Queries float64 `json:"queries"`
}

// negatives are those of a queue.
func (f *findings) negatives(queue int) Negatives {
	n := Negatives{Queue: queue}
	counts := map[int32]int{}
	for _, c := range f.alike {
		counts[c]++
	}
	for _, c := range slices.Sorted(maps.Keys(counts)) {
		images, share := counts[c], float64(c)/float64(f.train)
		if c > 0 {
			n.Images += images
		}
		weight := 100 * float64(images) / float64(f.train)
		n.Share += weight * share
		n.Queries += weight * -math.Expm1(float64(queue)*math.Log1p(-share))
	}
	return n
}
