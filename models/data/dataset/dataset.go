package dataset

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// loadBytes is the most that [Config.Open] decodes into memory.
const loadBytes = 4 << 30

// Open reads a split of the data set, "train" or "test", as a run does, whole: packed sets are mapped into memory
// until the process ends, folders that are not packed are decoded, up to 4 GiB.
func (d Config) Open(split string) (*data.Set, error) {
	source, err := d.Source(split, nil)
	if err != nil {
		return nil, err
	}
	switch s := source.(type) {
	case *data.Set:
		return s, nil
	case *packed.Set:
		return s.Whole(), nil
	}
	set, err := load(source)
	return set, errors.Join(err, source.Close())
}

// load decodes all images.
func load(source data.Source) (*data.Set, error) {
	info := source.Info()
	if info.N > loadBytes/info.ImageLen() {
		return nil, fmt.Errorf("dataset: %w: %s: %d images of %d bytes do not go into memory: mocotpu data pack makes a set that need not",
			settings.ErrInvalid, info.Name, info.N, info.ImageLen())
	}
	set := &data.Set{
		Name: info.Name, N: info.N, Size: info.Size, Channels: info.Channels,
		Pixels: make([]uint8, info.N*info.ImageLen()), Classes: info.Classes,
	}
	all, rows := make([]int, info.N), make([]data.Row, info.N)
	for i := range all {
		all[i] = i
	}
	if err := source.Fill(set.Pixels, rows, all); err != nil {
		return nil, err
	}
	if info.Labels != nil {
		set.Labels = make([]int32, info.N)
		for i, row := range rows {
			set.Labels[i] = row.Label
		}
	}
	return set, nil
}

// Source opens a split as a run reads it, image by image. For a folder it is the packed set there, or its image files,
// decoded on the way. broken, where it is not nil, is called for each image that cannot be decoded, from any goroutine. The
// caller closes the source.
func (d Config) Source(split string, broken func(files.Broken)) (data.Source, error) {
	options := data.Options{N: d.TrainImages, Seed: d.Seed}
	if split == "test" {
		options.N = d.TestImages
	}
	if d.Kind != "folder" {
		set, err := data.Open(d.Name(), d.Folder(), split, options)
		if err != nil {
			return nil, err
		}
		return set, nil
	}
	source, err := d.openFolder(split, broken)
	if err != nil {
		return nil, err
	}
	return data.Spread(source, options.N), nil
}

func (d Config) openFolder(split string, broken func(files.Broken)) (data.Source, error) {
	dir, err := d.Packed(split)
	if err != nil {
		return nil, err
	}
	window, err := d.Levels()
	if err != nil {
		return nil, err
	}
	if dir != "" {
		s, err := packed.Open(dir)
		if err != nil {
			return nil, err
		}
		if d.Canvas != 0 && s.Meta.Canvas != d.Canvas {
			return nil, errors.Join(fmt.Errorf("dataset: %w: %s is packed with canvas %d, want data.canvas, %d: set --canvas=%d, or pack it again",
				settings.ErrInvalid, dir, s.Meta.Canvas, d.Canvas, s.Meta.Canvas), s.Close())
		}
		if s.Meta.Window != window {
			return nil, errors.Join(fmt.Errorf("dataset: %w: %s is packed with window %q, and train with %q: pack both again, from one folder",
				settings.ErrInvalid, dir, s.Meta.Window, window), s.Close())
		}
		if _, want := d.Image(); s.Meta.Depth() != want {
			return nil, errors.Join(fmt.Errorf("dataset: %w: %s is packed with %d channels, want data.channels, %d: set --channels=%d, or pack it again",
				settings.ErrInvalid, dir, s.Meta.Depth(), want, s.Meta.Depth()), s.Close())
		}
		if d.Unlabeled {
			s.Unlabel()
		}
		return s, nil
	}
	list, err := files.Open(d.Dir, split, files.Options{Unlabeled: d.Unlabeled})
	if err != nil {
		return nil, err
	}
	canvas := picture.Canvas{Size: d.Canvas, Channels: d.Channels, Window: window}
	return files.NewStream(list, files.StreamOptions{Canvas: canvas, Workers: d.Workers, Report: broken})
}

// Packed is the folder of a packed split, or "" where the images are not packed.
func (d Config) Packed(split string) (string, error) {
	if d.Kind != "folder" {
		return "", nil
	}
	train := filepath.Join(d.Dir, "train")
	switch {
	case packed.Is(d.Dir) && split == "train":
		return d.Dir, nil
	case packed.Is(d.Dir):
		return "", fmt.Errorf("dataset: %s is one packed split, and holds none of %s images: %w", d.Dir, split, data.ErrMissing)
	case !packed.Is(train):
		return "", nil
	case split == "train":
		return train, nil
	}
	test := filepath.Join(d.Dir, "val")
	if !packed.Is(test) {
		return "", fmt.Errorf("dataset: %s: no packed val beside train: %w", d.Dir, data.ErrMissing)
	}
	return test, nil
}

// NoHeldOut says what a folder lacks that has images for training alone.
const NoHeldOut = "no held-out images, such as those of a folder val beside train"

// Part returns n images of a source, all where n is 0: the first of a set, in its publisher's order, or evenly spread ones
// of a folder, which is in the order of its classes. Of MNIST's test images the first half is the easier one.
func Part(source data.Source, n int) data.Source {
	set, ok := source.(*data.Set)
	if !ok || n <= 0 || n >= set.N {
		return data.Spread(source, n)
	}
	cut := *set
	cut.N, cut.Pixels = n, set.Pixels[:n*set.ImageLen()]
	if set.Labels != nil {
		cut.Labels = set.Labels[:n]
	}
	return &cut
}
