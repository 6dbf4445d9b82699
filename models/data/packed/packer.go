package packed

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/format/npy"
	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/host/limits"
)

const (
	// chunkBytes is about what is decoded, written and noted in the journal at a time: a kill loses less than two of them.
	chunkBytes = 32 << 20
	// chunkImages bounds a chunk of small images.
	chunkImages = 1024
	// slack is the disk space kept for what is not pixels.
	slack = 64 << 20
)

// packer packs one set.
type packer struct {
	options Options
	list    *files.List
	part    string
	journal journal
	columns []*column
	tally   *files.Tally
	workers []*files.Worker
}

// begin opens the unfinished set in part, or starts one.
func begin(part string, meta Meta, l *files.List, o Options) (p *packer, err error) {
	p = &packer{options: o, list: l, part: part, tally: files.NewTally(l, o.Broken)}
	set := filepath.Join(part, setFolder)
	earlier, err := readJournal(part)
	if err != nil {
		return nil, err
	}
	switch {
	case earlier != nil && earlier.Meta.alike(meta):
		p.journal = *earlier
		p.note(fmt.Sprintf("going on from image %d of %d", p.journal.Next, l.Len()))
	default:
		if earlier != nil {
			p.note("starting over: the unfinished set in " + part + " has other images, another canvas or another decoder")
		}
		p.journal = journal{Meta: meta, Broken: map[int]string{}}
		if err := removeAll(set); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(set, 0o755); err != nil {
		return nil, fmt.Errorf("packed: %w", err)
	}
	canvas := picture.Canvas{Size: o.Canvas, Channels: o.Channels, Window: o.Window}
	image := o.imageLen()
	if err := checkDisk(set, int64(l.Len()-p.journal.Next)*int64(image)+slack); err != nil {
		return nil, err
	}
	for i, problem := range p.journal.Broken {
		if err := p.tally.Add(i, errors.New(problem)); err != nil {
			return nil, err
		}
	}
	p.columns = []*column{
		{name: imagesFile, head: npy.Header{Type: npy.Uint8, Shape: []int{o.Canvas, o.Canvas, canvas.Depth()}}, width: image},
		{name: aspectFile, head: npy.Header{Type: npy.Float32}, width: 4},
	}
	if l.Classes != nil {
		p.columns = append(p.columns, &column{name: labelsFile, head: npy.Header{Type: npy.Int32}, width: 4})
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	for i, c := range p.columns {
		c.hash = sha256.New()
		var state []byte
		if p.journal.Rows > 0 {
			state = p.journal.Hashes[i]
		}
		if err := c.open(set, p.journal.Rows, state); err != nil {
			return nil, err
		}
	}
	if o.Workers == 0 {
		o.Workers = limits.CPUs()
	}
	for range min(o.Workers, max(1, l.Len())) { // more have nothing to do
		w, err := files.NewWorker(canvas, o.Library)
		if err != nil {
			return nil, fmt.Errorf("packed: %w", err)
		}
		p.workers = append(p.workers, w)
	}
	return p, nil
}

// imageLen is the bytes of an image.
func (o Options) imageLen() int {
	return picture.Canvas{Channels: o.Channels}.Depth() * o.Canvas * o.Canvas
}

func (p *packer) note(text string) {
	if p.options.Note != nil {
		p.options.Note(text)
	}
}

// close frees the decoders and closes the columns' files.
func (p *packer) close() error {
	for _, w := range p.workers {
		w.Close()
	}
	p.workers = nil
	var errs []error
	for _, c := range p.columns {
		if c.file != nil {
			errs = append(errs, c.file.Close())
		}
	}
	return errors.Join(errs...)
}

// chunk is some images in a row, decoded.
type chunk struct {
	first    int
	pixels   []uint8 // of all, the broken ones holding anything
	aspect   []float32
	problems []string // "" where an image is not broken
	err      error
}

// run decodes the rest of the list: one chunk is decoded while the one before is written.
func (p *packer) run(ctx context.Context) (err error) {
	total := p.list.Len()
	image := p.options.imageLen()
	perChunk := p.options.perChunk
	if perChunk == 0 {
		perChunk = min(max(chunkBytes/image, 1), chunkImages)
	}
	decoded := make(chan *chunk)
	idle := make(chan *chunk, 2)
	for range cap(idle) {
		idle <- &chunk{pixels: make([]uint8, perChunk*image), aspect: make([]float32, perChunk), problems: make([]string, perChunk)}
	}
	stop := make(chan struct{})
	var wg guard.Group
	wg.Go(func() {
		defer close(decoded)
		for first := p.journal.Next; first < total && ctx.Err() == nil; first += perChunk {
			var c *chunk
			select {
			case c = <-idle:
			case <-stop:
				return
			}
			p.decode(c, first, min(perChunk, total-first))
			select {
			case decoded <- c:
			case <-stop:
				return
			}
		}
	})
	defer wg.Wait()
	defer close(stop)
	for c := range decoded {
		if c.err != nil {
			return c.err
		}
		if err := p.write(c); err != nil {
			return err
		}
		idle <- c
		if p.options.Progress != nil {
			p.options.Progress(p.journal.Next, total)
		}
	}
	if p.journal.Next < total {
		return interrupted(ctx, p.journal.Next, total)
	}
	return nil
}

// decode fills a chunk with the images from first on, all workers at once.
func (p *packer) decode(c *chunk, first, count int) {
	image := p.options.imageLen()
	c.first, c.aspect, c.problems, c.err = first, c.aspect[:count], c.problems[:count], nil
	var mu sync.Mutex
	next := 0
	var wg guard.Group
	for _, w := range p.workers {
		wg.Go(func() {
			for {
				mu.Lock()
				at, failed := next, c.err != nil
				next++
				mu.Unlock()
				if at >= count || failed {
					return
				}
				c.problems[at] = ""
				aspect, err := w.Decode(p.list, c.pixels[at*image:(at+1)*image], first+at)
				c.aspect[at] = aspect
				if err == nil {
					continue
				}
				c.problems[at] = err.Error()
				if err := p.tally.Add(first+at, err); err != nil {
					mu.Lock()
					c.err = err
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
}

// write appends a chunk's images to the arrays, and notes it.
func (p *packer) write(c *chunk) error {
	image := p.options.imageLen()
	rows := 0
	var aspect, labels []byte
	for at, problem := range c.problems {
		if problem != "" {
			p.journal.Broken[c.first+at] = problem
			continue
		}
		if rows != at { // close the gap that a broken image left
			copy(c.pixels[rows*image:(rows+1)*image], c.pixels[at*image:])
		}
		rows++
		aspect = binary.LittleEndian.AppendUint32(aspect, math.Float32bits(c.aspect[at]))
		labels = binary.LittleEndian.AppendUint32(labels, uint32(p.list.Label(c.first+at)))
	}
	elements := [][]byte{c.pixels[:rows*image], aspect, labels}
	p.journal.Hashes = make([][]byte, len(p.columns))
	for i, column := range p.columns {
		p.options.about("append " + column.name)
		if err := column.append(elements[i]); err != nil {
			return err
		}
		state, err := column.state()
		if err != nil {
			return fmt.Errorf("packed: %w", err)
		}
		p.journal.Hashes[i] = state
	}
	p.journal.Next += len(c.problems)
	p.journal.Rows += rows
	p.options.about("journal")
	return p.journal.write(p.part)
}

// finish writes the headers and meta.json, which need the final number of images, and verifies the set.
func (p *packer) finish() (Meta, error) {
	m := p.journal.Meta
	m.Count, m.Broken = p.journal.Rows, p.journal.brokenList(p.list)
	if m.Count == 0 {
		return m, fmt.Errorf("packed: %s: none of %d images can be decoded: %w", p.list.Dir, p.list.Len(), data.ErrCorrupt)
	}
	set := filepath.Join(p.part, setFolder)
	for _, c := range p.columns {
		name := filepath.Join(set, c.name)
		p.options.about("header of " + c.name)
		if err := c.finish(name, m.Count); err != nil {
			return m, err
		}
		whole, elements, err := sums(name)
		if err != nil {
			return m, err
		}
		if want := hexSum(c.hash); elements != want {
			return m, fmt.Errorf("packed: %s: the disk gives other bytes than were written to it: %w", name, ErrChecksum)
		}
		m.Files[c.name] = whole
	}
	p.options.about("meta")
	return m, replace(filepath.Join(set, metaFile), m)
}
