package doctor

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/judge"
)

// Seen are pairs that an encoder sees as one picture, and that are no duplicates by their pixels: crops of one picture, the
// next frame of a film, or what the encoder cannot tell apart. A person has to look.
type Seen struct {
	// Cosine is the limit from which a pair is listed: the cosine similarity of features that nine in ten images of a sample
	// reach with their own centre crop, which leaves out a tenth on each side.
	Cosine float32 `json:"cosine"`
	// Images counts, of Of test images, those with such a pair among the training images. Without test images both count
	// training images. Pairs lists them, the most similar first: 10 000 at most.
	Images int    `json:"images"`
	Of     int    `json:"of"`
	Pairs  []Pair `json:"pairs"`
}

// middles is the size of that sample.
const middles = 256

// seen looks for pairs by the encoder's features, which are in memory.
func (e *examination) seen(ctx context.Context, search *judge.Search, train, test judge.Labelled) error {
	bar, err := e.bar(ctx, train)
	if err != nil {
		return err
	}
	matches := make([]match, e.findings.all)
	queries, ids, k := test, e.readable(e.findings.train, e.findings.all), 1
	bank := e.readable(0, e.findings.train)
	if e.test == nil {
		queries, ids, k = train, bank, 2 // an image finds itself
	}
	found, err := search.Neighbours(ctx, train.Features, queries.Features, min(k, train.Len()))
	if err != nil {
		return err
	}
	for q, neighbours := range found {
		image := ids[q]
		for _, n := range neighbours {
			of := bank[n.Row]
			if of == image || n.Similarity < bar || e.findings.first[of] == e.findings.first[image] {
				continue
			}
			if e.test != nil && e.findings.across[image].kind != none || e.test == nil && (of > image || e.findings.within[image].kind != none) {
				continue
			}
			matches[image] = match{of, seen, min(n.Similarity, 1)}
			break
		}
	}
	s := &Seen{Cosine: bar, Of: len(found)}
	s.Pairs = e.listed(matches, 0, func(int32, match) { s.Images++ })
	e.report.Seen = s
	return nil
}

// readable are the numbers of the images from first to last-1 that can be read.
func (e *examination) readable(first, last int) (numbers []int32) {
	for i := first; i < last; i++ {
		if e.album.contents[i] != (content{}) {
			numbers = append(numbers, int32(i))
		}
	}
	return numbers
}

// bar computes Seen.Cosine.
func (e *examination) bar(ctx context.Context, train judge.Labelled) (float32, error) {
	info, numbers := e.train.Info(), e.readable(0, e.findings.train)
	n := min(middles, len(numbers))
	cut := &data.Set{Name: "middles", N: n, Size: info.Size, Channels: info.Channels, Pixels: make([]uint8, n*info.ImageLen())}
	whole := judge.Labelled{}
	whole.Dim = train.Dim
	pixels := make([]uint8, info.ImageLen())
	for i := range n {
		row := i * len(numbers) / n
		if err := e.train.Fill(pixels, make([]data.Row, 1), []int{int(numbers[row])}); err != nil {
			return 0, fmt.Errorf("doctor: %w", err)
		}
		middle(cut.Image(i), pixels, info.Size, info.Channels)
		whole.Data = append(whole.Data, train.Data[row*train.Dim:(row+1)*train.Dim]...)
	}
	embedded, err := e.Encoder.EmbedAll(ctx, cut, nil)
	if err != nil {
		return 0, err
	}
	cosines := make([]float32, n)
	for i := range n {
		a, b := whole.Data[i*train.Dim:(i+1)*train.Dim], embedded.Trunk.Data[i*train.Dim:(i+1)*train.Dim]
		cosines[i] = cosine(a, b)
	}
	slices.Sort(cosines)
	return cosines[n/10], nil
}

// middle fills dst with the centre crop of an image, enlarged by nearest pixels.
func middle(dst, image []uint8, size, channels int) {
	for y := range size {
		for x := range size {
			from := (size/10+y*(size-2*(size/10))/size)*size + size/10 + x*(size-2*(size/10))/size
			copy(dst[(y*size+x)*channels:(y*size+x+1)*channels], image[from*channels:])
		}
	}
}

// cosine of two rows of features; 0 where one of them is all zeros.
func cosine(a, b []float32) float32 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return float32(ab / math.Sqrt(aa*bb))
}
