package files

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/host/limits"
)

// StreamOptions say how images are decoded.
type StreamOptions struct {
	// Canvas is what each image becomes.
	Canvas picture.Canvas
	// Library decodes JPEGs. Default: picture.Best.
	Library picture.Library
	// Workers is how many images are decoded at a time. Default: the CPUs that Go uses.
	Workers int
	// Report, where it is not nil, is called once for each broken image, from any goroutine.
	Report func(Broken)
	// Blank has a broken image be black, with an aspect of 0 in its row, in place of the next one standing in for it; any
	// number of them may be broken.
	Blank bool
}

// Stream is image files as a [data.Source] that decodes them when they are asked for, for sets that are read a few times.
type Stream struct {
	list   *List
	info   data.Info
	canvas picture.Canvas
	tally  *Tally
	blank  bool
	// workers holds those that are idle, all of them when no Fill is under way.
	workers chan *Worker
}

// NewStream returns a source of the list's images, and takes the list over. Without Blank the error is [data.ErrUnread]
// where more images than a run may have are GIFs, PPMs and PGMs.
func NewStream(l *List, o StreamOptions) (*Stream, error) {
	if o.Library == "" {
		o.Library = picture.Best()
	}
	if o.Workers == 0 {
		o.Workers = limits.CPUs()
	}
	o.Workers = min(o.Workers, max(1, l.Len())) // more have nothing to do
	if o.Workers < 0 {
		return nil, fmt.Errorf("files: %d workers, want 1 or more, or 0 for the default", o.Workers)
	}
	s := &Stream{
		list: l, tally: NewTally(l, o.Report), workers: make(chan *Worker, o.Workers), blank: o.Blank, canvas: o.Canvas,
		info: data.Info{Name: cmp.Or(l.Dir, "the images given"), N: l.Len(), Size: o.Canvas.Size, Channels: o.Canvas.Depth(), Labels: l.Labels(), Classes: l.Classes},
	}
	for range o.Workers {
		w, err := NewWorker(o.Canvas, o.Library)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.workers <- w
	}
	if !o.Blank {
		if err := s.refuseUnread(); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// refuseUnread looks at the files whose names promise what no decoder reads, until they are too many: that ends a run at
// once and not when it has compiled. A name may be wrong: one whose file is read ends the search, and leaves the others to
// be found when they are asked for.
func (s *Stream) refuseUnread() error {
	w := <-s.workers
	defer func() { s.workers <- w }()
	tally := NewTally(s.list, nil)
	var dst []uint8
	for i := range s.list.Len() {
		if !slices.Contains(unread, extensionOf(s.list.Name(i))) {
			continue
		}
		if dst == nil {
			dst = make([]uint8, s.info.ImageLen())
		}
		_, problem := w.Decode(s.list, dst, i)
		if problem == nil {
			return nil
		}
		if errors.As(problem, new(picture.Unread)) {
			if err := tally.Add(i, problem); err != nil {
				return err
			}
		}
	}
	return nil
}

// Info describes the images; N counts the broken ones.
func (s *Stream) Info() data.Info { return s.info }

// Fingerprint is that of the files' names, classes and sizes, and of the canvas.
func (s *Stream) Fingerprint() (string, error) {
	list, err := s.list.Fingerprint()
	if err != nil {
		return "", fmt.Errorf("files: %w", err)
	}
	text := fmt.Appendf(nil, "%s at %d", list, s.canvas.Size)
	if s.canvas.Depth() != 3 {
		text = fmt.Appendf(text, " of %d channels", s.canvas.Depth())
	}
	if w := s.canvas.Window; w != (picture.Window{}) {
		text = fmt.Appendf(text, " in window %s", w)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Skipped is [List.Skipped].
func (s *Stream) Skipped() string { return s.list.Skipped() }

// Plain tells whether 16-bit samples are shown over their whole range, for want of a window, though there are some.
func (s *Stream) Plain() bool { return s.canvas.Window == (picture.Window{}) && s.some(picture.Deep) }

// Paged tells whether there are TIFFs of several pages, of which the first is read.
func (s *Stream) Paged() bool { return s.some(picture.Paged) }

// some tells whether one of a few files, evenly spread, is such.
func (s *Stream) some(such func(file []byte) bool) bool {
	const looked = 4
	var file []byte
	for k := range min(looked, s.list.Len()) {
		read, err := s.list.Read(k*s.list.Len()/looked, file)
		if err == nil && such(read) {
			return true
		}
	}
	return false
}

// Prefetch does nothing: reading a file takes little of the time that decoding it does.
func (s *Stream) Prefetch([]int) {}

// Close frees the decoders and closes the list.
func (s *Stream) Close() error {
	for len(s.workers) > 0 {
		(<-s.workers).Close()
	}
	return s.list.Close()
}

// Fill decodes the images, as many at a time as there are workers that no other Fill uses.
func (s *Stream) Fill(dst []uint8, rows []data.Row, indices []int) error {
	var next atomic.Int64
	var failure error
	var once sync.Once
	var wg guard.Group
	for range min(cap(s.workers), len(indices)) {
		wg.Go(func() {
			w := <-s.workers
			defer func() { s.workers <- w }()
			n := s.info.ImageLen()
			for {
				at := int(next.Add(1)) - 1
				if at >= len(indices) {
					return
				}
				row, err := s.one(w, dst[at*n:(at+1)*n], indices[at])
				if err != nil {
					once.Do(func() { failure = err })
					next.Store(int64(len(indices))) // stops the other workers
					return
				}
				rows[at] = row
			}
		})
	}
	wg.Wait()
	return failure
}

// one decodes image i or, where it is broken, the next that is not, or none.
func (s *Stream) one(w *Worker, dst []uint8, i int) (data.Row, error) {
	for {
		aspect, err := w.Decode(s.list, dst, i)
		if err == nil {
			return data.Row{Aspect: aspect, Label: s.list.Label(i)}, nil
		}
		tooMany := s.tally.Add(i, err)
		if s.blank {
			clear(dst)
			return data.Row{Label: -1}, nil
		}
		if tooMany != nil {
			return data.Row{}, tooMany
		}
		i = (i + 1) % s.info.N
	}
}
