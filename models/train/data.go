package train

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// openTest opens the held-out images, and chooses what the encoder is judged by: nearest neighbours where they have classes,
// and figures without labels, of training images where a folder has no others.
func (s *session) openTest() (err error) {
	c := s.config.Data
	s.held, err = c.Source("test", s.broken.add)
	missing := c.Kind == "folder" && errors.Is(err, data.ErrMissing)
	if err != nil && !missing {
		return err
	}
	judged := s.held
	if missing {
		judged = s.train
		s.report.Note(dataset.NoHeldOut + ": the encoder is judged without labels, by training images")
	}
	if judged.Info().N >= 2 {
		s.judged = dataset.Part(judged, min(judged.Info().N, judge.LabelFreeImages))
	}
	if missing {
		return nil
	}
	if s.train.Info().Labels == nil || s.held.Info().Labels == nil {
		s.report.Note("the images have no classes: the encoder is judged without labels")
		return nil
	}
	// Shards name their classes by numbers, up to the highest there is.
	classes, known := s.held.Info().Classes, s.train.Info().Classes
	if len(classes) > len(known) || !slices.Equal(classes, known[:len(classes)]) {
		return fmt.Errorf("train: %w: %s has other classes than %s (%d and %d): pack both from one folder, or set --knn-every=0",
			settings.ErrInvalid, s.held.Info().Name, s.train.Info().Name, len(classes), len(known))
	}
	s.test = s.held
	return nil
}

func (s *session) closeData() error {
	var errs []error
	for _, source := range []data.Source{s.train, s.held} {
		if source != nil {
			errs = append(errs, source.Close())
		}
	}
	return errors.Join(errs...)
}

// dataNotes says what slows a source down or is missing from it: whole sentences for the user.
func dataNotes(source data.Source) []string {
	notes := dataset.Notes(source)
	switch s := source.(type) {
	case *packed.Set:
		if n := len(s.Meta.Broken); n > 0 {
			notes = append(notes, fmt.Sprintf("%d broken images were left out when %s was packed; its meta.json names them", n, s.Info().Name))
		}
	case *files.Stream:
		if picture.Best() == picture.Go {
			notes = append(notes, "JPEGs are decoded by Go's library, at about half of libjpeg-turbo's speed: install libturbojpeg0, or decode once with mocotpu data pack")
		}
	}
	return notes
}
