package report

import (
	"errors"
	"fmt"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
)

// images are those that an encoder is shown: queries, and a bank of training images in which their neighbours are looked for.
type images struct {
	bank, queries *data.Set
	// held says that the queries are held-out images, and no training images.
	held bool
}

// apartEvery is how many of a folder's training images there are for each that becomes a query, for want of held-out ones.
const apartEvery = 5

// open reads a data set once for all its runs.
func open(sets map[dataset.Config]images, d dataset.Config) (images, error) {
	if d.Kind == "folder" {
		// Folders are in the order of their classes: opened short, they give images of all of them.
		d.TrainImages, d.TestImages = shortest(d.TrainImages, bankImages), shortest(d.TestImages, queryImages)
	}
	if known, ok := sets[d]; ok {
		return known, nil
	}
	train, err := d.Open("train")
	if err != nil {
		return images{}, err
	}
	test, err := d.Open("test")
	shown := images{train, test, true}
	if d.Kind == "folder" && errors.Is(err, data.ErrMissing) {
		shown, err = apart(train)
	}
	if err != nil {
		return images{}, err
	}
	sets[d] = shown
	return shown, nil
}

// apart makes every fifth training image a query, and the others the bank. Both are copies: a packed set's own memory is its file.
func apart(s *data.Set) (images, error) {
	if s.N < 2 {
		return images{}, fmt.Errorf("report: %s has %d image, want two at least", s.Name, s.N)
	}
	bank, queries := *s, *s
	bank.N, queries.N, bank.Pixels, queries.Pixels, bank.Labels, queries.Labels = 0, 0, nil, nil, nil, nil
	for i := range s.N {
		to := &bank
		if i%apartEvery == 0 {
			to = &queries
		}
		to.Pixels = append(to.Pixels, s.Image(i)...)
		to.N++
		if s.Labels != nil {
			to.Labels = append(to.Labels, s.Labels[i])
		}
	}
	return images{&bank, &queries, false}, nil
}

// shortest is the smaller of two limits; 0 means no limit.
func shortest(limit, most int) int {
	if limit == 0 {
		return most
	}
	return min(limit, most)
}
