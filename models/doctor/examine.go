package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/limits"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Options say what to examine.
type Options struct {
	// Data has the training images, and the test images if it has any.
	Data dataset.Config
	// Against has other images than Data's to hold against the training images: its test images, or its only ones. Its Kind
	// is empty for Data's own.
	Against dataset.Config
	// Backend computes nearest neighbours, where both splits have labels; nil leaves them out.
	Backend compute.Backend
	// Encoder has features to find neighbours by, in place of pixels; nil for pixels.
	Encoder *encoder.Encoder
	// Pictures keeps the pixels of the first 48 pairs of each list in the report.
	Pictures bool
	// Progress may be nil.
	Progress judge.Progress
}

// mostListed is how many pairs or names a list of the report has, and pictured how many pairs of each have pictures.
const (
	mostListed = 10000
	pictured   = 48
)

// examination is one call of Examine at work.
type examination struct {
	Options
	train, test *opened // test is nil without test images
	comparable  bool    // what there is has the same classes
	album       *album
	findings    *findings
	report      *Report
}

// Examine looks at each image of a set once, finds the duplicates among them, and says how to train on it. The memory that
// it takes is some 400 bytes an image; the report has it. It gives up with the context.
//
// A set without test images is examined without leaks. A set for which there is not enough memory is a
// [settings.ErrInvalid].
func Examine(ctx context.Context, o Options) (r *Report, err error) {
	if o.Progress == nil {
		o.Progress = silent{}
	}
	e := &examination{Options: o, report: &Report{Data: o.Data.Name()}}
	if o.Data.Kind == "folder" {
		e.report.Data = o.Data.Dir
	}
	defer func() {
		for _, s := range []*opened{e.train, e.test} {
			if s != nil {
				err = errors.Join(err, s.Close())
			}
		}
	}()
	if err := e.open(); err != nil {
		return nil, err
	}
	return e.report, e.run(ctx)
}

// run examines what is open.
func (e *examination) run(ctx context.Context) error {
	for _, do := range []func(context.Context) error{e.scan, e.pairs, e.settings, e.neighbours, e.pictures} {
		if err := do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// open opens both splits.
func (e *examination) open() (err error) {
	suits := dataset.Stretch
	if e.Encoder != nil {
		suits = nil // it sees 16-bit samples as it was trained on them
	}
	if e.train, err = open(e.Data, "train", suits); err != nil {
		return err
	}
	same := func(*files.List) picture.Window { return e.train.window }
	if e.Against.Kind == "" {
		e.test, err = open(e.Data, "test", same)
		if errors.Is(err, data.ErrMissing) {
			e.Progress.Note(fmt.Sprintf("no test images to hold against the training images: %v", err))
			err = nil
		}
	} else if e.test, err = open(e.Against, "test", same); errors.Is(err, data.ErrMissing) {
		e.test, err = open(e.Against, "train", same)
	}
	return err
}

// scan looks at the images.
func (e *examination) scan(ctx context.Context) error {
	images := e.train.Info().N
	e.comparable = true
	if e.test != nil {
		images += e.test.Info().N
		e.comparable = slices.Equal(e.train.Info().Classes, e.test.Info().Classes)
	}
	if e.report.Bytes = int64(images) * imageBytes; e.report.Bytes > limits.Memory()/2 {
		return fmt.Errorf("doctor: %w: %s: %d images take %s, and this process may use %s: want fewer images, or more memory", settings.ErrInvalid,
			e.report.Data, images, limits.Text(e.report.Bytes), limits.Text(limits.Memory()))
	}
	e.album = newAlbum(images)
	train, err := e.train.scan(ctx, "train", e.album, 0, e.Progress.Stage("looking at "+e.train.Info().Name))
	if err != nil {
		return err
	}
	for _, note := range dataset.Notes(e.train.Source) {
		e.Progress.Note(note)
	}
	e.report.Splits = []*Split{train}
	if train.unread == train.Images {
		return fmt.Errorf("doctor: %s: none of %d images can be read, such as %s (%s): %w", e.report.Data, train.Images, train.Broken[0].Name, train.Broken[0].Problem, data.ErrCorrupt)
	}
	if e.test == nil {
		return nil
	}
	name := "test"
	if e.Against.Kind != "" {
		name = e.test.Info().Name
	}
	test, err := e.test.scan(ctx, name, e.album, train.Images, e.Progress.Stage("looking at "+name+" images"))
	e.report.Splits = append(e.report.Splits, test)
	return err
}

// pairs finds the duplicates.
func (e *examination) pairs(ctx context.Context) error {
	n := e.train.Info().N
	f, firsts := newFindings(e.album, n)
	if len(firsts) > 0 {
		if err := e.album.similar(ctx, firsts, e.Progress.Stage(fmt.Sprintf("comparing %d images", len(firsts))), f.similar); err != nil {
			return err
		}
	}
	f.close()
	e.findings = f
	f.tell(e.report.Splits[0], 0, n)
	if e.test != nil {
		f.tell(e.report.Splits[1], n, f.all)
		e.leaks()
	}
	e.report.Duplicates = e.listed(f.within, 0, nil)
	return nil
}

// leaks lists the test images that are among the training images.
func (e *examination) leaks() {
	l := &Leaks{}
	l.Pairs = e.listed(e.findings.across, e.findings.train, func(i int32, m match) {
		switch m.kind {
		case exact:
			l.Exact++
		case near:
			l.Near++
		case mirrored:
			l.Mirrored++
		}
		l.Images++
		if e.otherClass(m.of, i) {
			l.OtherClass++
		}
	})
	l.Share = 100 * float64(l.Images) / float64(e.findings.all-e.findings.train)
	e.report.Leaks = l
}

// listed are the matches of the images from first on, the most similar first, as many as a report lists. count, where it
// is not nil, is called with all.
func (e *examination) listed(matches []match, first int, count func(i int32, m match)) []Pair {
	var images []int32
	for i := first; i < len(matches); i++ {
		if m := matches[i]; m.kind != none {
			images = append(images, int32(i))
			if count != nil {
				count(int32(i), m)
			}
		}
	}
	slices.SortStableFunc(images, func(i, j int32) int { return cmp.Compare(matches[j].similarity, matches[i].similarity) })
	pairs := []Pair{}
	for _, i := range images[:min(len(images), mostListed)] {
		pairs = append(pairs, e.pair(matches[i], i))
	}
	return pairs
}

// pair is an image and what it is a duplicate of.
func (e *examination) pair(m match, i int32) Pair {
	return Pair{
		Of: e.name(m.of), Image: e.name(i), Kind: m.kind.String(), Similarity: m.similarity, OtherClass: e.otherClass(m.of, i),
		at: [2]int32{m.of, i},
	}
}

func (e *examination) name(i int32) string {
	o, split, at := e.split(i)
	return o.name(split, at)
}

// otherClass tells whether two images have different labels.
func (e *examination) otherClass(i, j int32) bool {
	if !e.comparable {
		return false
	}
	label := func(number int32) int32 {
		o, _, image := e.split(number)
		if labels := o.Info().Labels; labels != nil {
			return labels[image]
		}
		return -1
	}
	a, b := label(i), label(j)
	return a >= 0 && b >= 0 && a != b
}

// split is the split of an image and its number there.
func (e *examination) split(i int32) (o *opened, name string, at int) {
	if int(i) >= e.findings.train {
		return e.test, e.report.Splits[1].Name, int(i) - e.findings.train
	}
	return e.train, "train", int(i)
}

// pictures reads the first images of the lists again.
func (e *examination) pictures(context.Context) error {
	if !e.Pictures {
		return nil
	}
	lists := [][]Pair{e.report.Duplicates}
	if e.report.Leaks != nil {
		lists = append(lists, e.report.Leaks.Pairs)
	}
	if e.report.Seen != nil {
		lists = append(lists, e.report.Seen.Pairs)
	}
	for _, list := range lists {
		for i := range list[:min(len(list), pictured)] {
			for _, number := range list[i].at {
				o, _, at := e.split(number)
				info := o.Info()
				p := Picture{make([]uint8, info.ImageLen()), info.Size, info.Channels}
				if err := o.Fill(p.Pixels, make([]data.Row, 1), []int{at}); err != nil {
					return fmt.Errorf("doctor: %w", err)
				}
				list[i].Pictures = append(list[i].Pictures, p)
			}
		}
	}
	return nil
}

// settings chooses how to train.
func (e *examination) settings(ctx context.Context) error {
	e.Progress.Stage("choosing settings")
	facts, err := e.train.facts(ctx)
	if err != nil {
		return err
	}
	e.report.Facts = facts
	c, choices, err := run.Fit(e.Data, facts)
	if err != nil {
		e.report.Unfit, e.report.Settings = err.Error(), []run.Choice{}
		e.report.Negatives = e.findings.negatives(0)
		return nil
	}
	if dir, err := e.Data.Packed("train"); err == nil && dir == "" && e.Data.Window != "" {
		choices = append(choices, run.Choice{Flag: "window", Value: e.Data.Window, Why: "as the images were looked at"})
	}
	e.report.Settings = choices
	e.report.Command = command(choices, e.Data)
	e.report.Negatives = e.findings.negatives(c.MoCo.Queue)
	return nil
}

// silent is the progress of those who want none.
type silent struct{}

func (silent) Note(string)                   {}
func (silent) Stage(string) encoder.Progress { return nil }
