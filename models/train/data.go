package train

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// openTest opens the held-out images. A folder may do without: then nothing is judged.
func (s *session) openTest() error {
	c := s.config.Data
	if c.Kind == "folder" && s.train.Info().Labels == nil {
		s.report.Note("the images have no classes: nearest neighbours are not looked at")
		return nil
	}
	test, err := c.Source("test", s.broken.add)
	if c.Kind == "folder" && errors.Is(err, data.ErrMissing) {
		s.report.Note("no held-out images, so nearest neighbours are not looked at: " + err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	if test.Info().Labels == nil {
		s.report.Note("the held-out images have no classes: nearest neighbours are not looked at")
		return test.Close()
	}
	// Shards name their classes by numbers, up to the highest there is.
	classes, known := test.Info().Classes, s.train.Info().Classes
	if len(classes) > len(known) || !slices.Equal(classes, known[:len(classes)]) {
		return errors.Join(fmt.Errorf("train: %w: %s has other classes than %s (%d and %d): pack both from one folder, or set --knn-every=0",
			settings.ErrInvalid, test.Info().Name, s.train.Info().Name, len(classes), len(known)), test.Close())
	}
	s.test = test
	return nil
}

func (s *session) closeData() error {
	var errs []error
	for _, source := range []data.Source{s.train, s.test} {
		if source != nil {
			errs = append(errs, source.Close())
		}
	}
	return errors.Join(errs...)
}

// dataNotes says what slows a source down or is missing from it: whole sentences for the user.
func dataNotes(source data.Source) []string {
	switch s := source.(type) {
	case *packed.Set:
		if n := len(s.Meta.Broken); n > 0 {
			return []string{fmt.Sprintf("%d broken images were left out when %s was packed; its meta.json names them", n, s.Info().Name)}
		}
	case *files.Stream:
		if picture.Best() == picture.Go {
			return []string{"JPEGs are decoded by Go's library, at about half of libjpeg-turbo's speed: install libturbojpeg0, or decode once with mocotpu data pack"}
		}
	}
	return nil
}
