package report

import (
	"context"
	"fmt"
	"strings"

	"github.com/gomlx/compute"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/run"
)

const (
	samples     = 8    // images shown, and neighbours of each
	bankImages  = 5000 // training images searched
	queryImages = 2000 // test images judged and mapped
)

// look is what an encoder sees.
type look struct {
	Queries    string      // what kind of images is looked at: test images, or training images
	Views      [][]Picture // image, first view, second view
	Neighbours []neighbours
	Map        pointMap
	Confusion  confusion
}

// neighbours are an image's most similar training images.
type neighbours struct {
	Query Picture
	Found []found
}

// found is a neighbour, and whether it is of the query's class.
type found struct {
	Picture
	Same bool
}

// newLook opens the encoder of a run's newest checkpoint and embeds the run's images.
func newLook(ctx context.Context, b compute.Backend, dir string, c run.Config, shown images) (*look, error) {
	e, err := encoder.Open(b, dir, encoder.Options{})
	if err != nil {
		return nil, err
	}
	defer e.Close()
	bank, test := firstImages(shown.bank, bankImages), firstImages(shown.queries, queryImages)
	known, err := e.EmbedAll(ctx, bank, nil)
	if err != nil {
		return nil, err
	}
	asked, err := e.EmbedAll(ctx, test, nil)
	if err != nil {
		return nil, err
	}
	bankFeatures, features := known.Trunk, asked.Trunk
	chosen := sampled(test)
	l := &look{Queries: "training images, for want of held-out ones,"}
	if shown.held {
		l.Queries = "test images"
	}
	if l.Views, err = pairs(b, c, test, chosen); err != nil {
		return nil, err
	}
	search, err := judge.NewSearch(b)
	if err != nil {
		return nil, err
	}
	defer search.Close()
	if l.Neighbours, err = nearest(ctx, search, bankFeatures, features, bank, test, chosen); err != nil {
		return nil, err
	}
	if l.Map, err = newMap(features, test); err != nil {
		return nil, err
	}
	if test.Labels == nil || bank.Labels == nil {
		return l, nil
	}
	ks, temperature := c.KNN.Ks, c.KNN.Temperature
	if c.KNN.Every == 0 { // a run without evaluations may have any numbers there, or none
		usual := judge.DefaultOptions()
		ks, temperature = usual.Ks, usual.Temperature
	}
	k := min(ks[len(ks)-1], bank.N)
	results, err := search.KNN(ctx, bankFeatures, bank.Labels, features, test.Labels, len(bank.Classes),
		judge.KNNOptions{Ks: []int{k}, Temperature: temperature})
	if err != nil {
		return nil, err
	}
	l.Confusion = newConfusion(results[0].Tally, bank.Classes, fmt.Sprintf(
		"kNN with k = %d over %d training images: %v %s", k, bank.N, results[0].Tally, strings.TrimSuffix(l.Queries, ",")))
	return l, nil
}

// firstImages returns the first n images of a set.
func firstImages(s *data.Set, n int) *data.Set {
	n = min(n, s.N)
	cut := *s
	cut.N, cut.Pixels = n, s.Pixels[:n*s.ImageLen()]
	if s.Labels != nil {
		cut.Labels = s.Labels[:n]
	}
	return &cut
}

// sampled are the first images of different classes; the first ones where classes are few or unknown.
func sampled(s *data.Set) []int {
	var chosen, rest []int
	seen := map[int32]bool{}
	for i := range s.N {
		if s.Labels == nil || seen[s.Labels[i]] {
			rest = append(rest, i)
			continue
		}
		seen[s.Labels[i]] = true
		chosen = append(chosen, i)
	}
	chosen = append(chosen, rest...)
	return chosen[:min(samples, len(chosen))]
}

// className is the name of an image's class, "" where it has none.
func className(s *data.Set, i int) string {
	if s.Labels == nil {
		return ""
	}
	return s.Classes[s.Labels[i]]
}

// nearest shows the chosen test images and their nearest training images.
func nearest(ctx context.Context, search *judge.Search, bankFeatures, features encoder.Features, bank, test *data.Set, chosen []int) ([]neighbours, error) {
	queries := encoder.Features{Dim: features.Dim}
	for _, i := range chosen {
		queries.Data = append(queries.Data, features.Data[i*features.Dim:(i+1)*features.Dim]...)
	}
	all, err := search.Neighbours(ctx, bankFeatures, queries, min(samples, bank.N))
	if err != nil {
		return nil, err
	}
	rows := make([]neighbours, len(chosen))
	for q, i := range chosen {
		if rows[q].Query, err = NewPicture(test.Image(i), test.Size, test.Channels, className(test, i)); err != nil {
			return nil, err
		}
		for _, n := range all[q] {
			p, err := NewPicture(bank.Image(n.Row), bank.Size, bank.Channels, fmt.Sprintf("%s %.2f", className(bank, n.Row), n.Similarity))
			if err != nil {
				return nil, err
			}
			rows[q].Found = append(rows[q].Found, found{p, test.Labels != nil && className(bank, n.Row) == className(test, i)})
		}
	}
	return rows, nil
}
