package doctor

import (
	"context"
	"math"
	"sync"
	"sync/atomic"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/host/limits"
)

const (
	// nearCosine is the cosine of two drawings from which images are near duplicates.
	nearCosine = 0.98
	// tables is how often images are sorted into buckets, each time by 16 other bits of their codes. Two images at the cosine
	// nearCosine differ in 6.4 % of the bits. They share a bucket with a probability of 35 % in each table, and one such pair
	// in 900 shares none in all 16.
	tables = cells / 16
	// mostBits is how many bits of two codes may differ before their drawings are compared. A pair at the cosine nearCosine
	// differs in 16.3 bits on average, with a deviation of 3.9.
	mostBits = 32
	// mostInBucket bounds the work where very many images are alike, as the frames of a film are: see album.window.
	mostInBucket = 4096
)

// pair is two images, a before b, and how similar they are, or a and the mirror image of b.
type pair struct {
	a, b       int32
	similarity float32
	mirrored   bool
}

// album is what is kept of images, by their number.
type album struct {
	contents []content
	drawings []drawing
	codes    []code
	mirrors  []code // of the mirror images
	// window is how many images an image is compared with, of those that follow it in its bucket. In a larger bucket some
	// pairs are missed, but their images still fall into one group, through the images between them.
	window int
}

// imageBytes is what an image takes of an album, and of the findings.
const imageBytes = 16 + 260 + 2*32 + 64

func newAlbum(n int) *album {
	return &album{make([]content, n), make([]drawing, n), make([]code, n), make([]code, n), mostInBucket}
}

// add keeps image i.
func (a *album) add(i int, c content, d drawing) {
	a.contents[i], a.drawings[i] = c, d
	if d.length > 0 {
		m := d.mirrored()
		a.codes[i], a.mirrors[i] = codeOf(&d), codeOf(&m)
	}
}

// similar calls found once for each pair of near duplicates among the images, whose numbers ascend. The pairs come in any
// order, from one goroutine at a time. Flat images have none.
//
// Images that share a bucket in one of the tables are compared by all bits of their codes. Where these are alike, the drawings
// are compared. It gives up with the context.
func (a *album) similar(ctx context.Context, images []int32, progress encoder.Progress, found func(pair)) error {
	var mu sync.Mutex
	entries := make([]uint32, 2*len(images))
	for table := range tables {
		starts := a.sort(entries, images, table)
		var next atomic.Int64
		var wg guard.Group
		for range limits.CPUs() {
			wg.Go(func() {
				var local []pair
				flush := func() {
					mu.Lock()
					defer mu.Unlock()
					for _, p := range local {
						found(p)
					}
					local = local[:0]
				}
				for ctx.Err() == nil {
					bucket := int(next.Add(1)) - 1
					if bucket >= len(starts)-1 {
						break
					}
					same := entries[starts[bucket]:starts[bucket+1]]
					for i := range same {
						if local = a.compare(local, same[i:min(len(same), i+a.window)], table); len(local) > a.window {
							flush()
							if ctx.Err() != nil {
								return
							}
						}
					}
				}
				flush()
			})
		}
		wg.Wait()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if progress != nil {
			progress(table+1, tables)
		}
	}
	return nil
}

// sort sorts images and their mirror images by the table's bits, and returns where each value of these bits starts. Image i is
// the entry 2i, and its mirror image 2i+1.
func (a *album) sort(entries []uint32, images []int32, table int) []int {
	starts := make([]int, 1<<16+2)
	for _, i := range images {
		starts[int(a.codes[i].key(table))+2]++
		starts[int(a.mirrors[i].key(table))+2]++
	}
	for k := 2; k < len(starts); k++ {
		starts[k] += starts[k-1]
	}
	place := func(key uint16, entry uint32) {
		entries[starts[int(key)+1]] = entry
		starts[int(key)+1]++
	}
	for _, i := range images {
		place(a.codes[i].key(table), uint32(i)<<1)
		place(a.mirrors[i].key(table), uint32(i)<<1|1)
	}
	return starts[:1<<16+1]
}

// compare appends the near duplicates of the first entry among those that follow. The first of a pair is never the mirror
// image: the second is, if one of them is.
func (a *album) compare(pairs []pair, same []uint32, table int) []pair {
	if same[0]&1 == 1 {
		return pairs
	}
	first := int32(same[0] >> 1)
	mine := &a.codes[first]
	for _, entry := range same[1:] {
		second, mirrored := int32(entry>>1), entry&1 == 1
		theirs := &a.codes[second]
		if mirrored {
			theirs = &a.mirrors[second]
		}
		if mine.differs(theirs) > mostBits || second == first || met(mine, theirs, table) {
			continue
		}
		d := &a.drawings[second]
		similarity := a.drawings[first].cosine(d)
		if mirrored {
			if similarity >= nearCosine {
				continue // they are similar as they are
			}
			m := d.mirrored()
			similarity = a.drawings[first].cosine(&m)
		}
		if similarity >= nearCosine && !math.IsNaN(float64(similarity)) {
			pairs = append(pairs, pair{first, second, similarity, mirrored})
		}
	}
	return pairs
}

// met tells whether two were in one bucket of an earlier table.
func met(x, y *code, table int) bool {
	for t := range table {
		if x.key(t) == y.key(t) {
			return true
		}
	}
	return false
}
