package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // sizes of images
	_ "image/png"
	"slices"
	"sync"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/picture"
)

// thumbnail is the side in pixels of the squares that image files are looked at as.
const thumbnail = 64

// opened is a split that was opened.
type opened struct {
	data.Source
	list   *files.List // nil but for image files
	mu     sync.Mutex
	broken []files.Broken
}

// open opens a split. Image files come as thumbnails of size pixels a side; broken ones are black, and have the aspect 0.
func open(c dataset.Config, split string, size int) (*opened, error) {
	dir, err := c.Packed(split)
	if err != nil {
		return nil, err
	}
	o := &opened{}
	if c.Kind != "folder" || dir != "" {
		if o.Source, err = c.Source(split, nil); err != nil {
			return nil, err
		}
		if set, ok := o.Source.(*packed.Set); ok {
			o.broken = set.Meta.Broken
		}
		return o, nil
	}
	if o.list, err = files.Open(c.Dir, split, files.Options{Unlabeled: c.Unlabeled}); err != nil {
		return nil, err
	}
	window, err := c.Levels()
	if err != nil {
		return nil, errors.Join(err, o.list.Close())
	}
	stream, err := files.NewStream(o.list, files.StreamOptions{Canvas: picture.Canvas{Size: size, Window: window}, Workers: c.Workers, Blank: true, Report: o.tell})
	if err != nil {
		return nil, err // the stream has the list, and has closed it
	}
	o.Source = stream
	return o, nil
}

// tell notes a broken image.
func (o *opened) tell(b files.Broken) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.broken = append(o.broken, b)
}

// brokenOnes are the broken images that were met, in the order of their names.
func (o *opened) brokenOnes() []files.Broken {
	o.mu.Lock()
	defer o.mu.Unlock()
	slices.SortFunc(o.broken, func(a, b files.Broken) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return o.broken
}

// name is what image i is called: its file's path, or the split and its number.
func (o *opened) name(split string, i int) string {
	if o.list != nil {
		return o.list.Name(i)
	}
	return fmt.Sprintf("%s %d", split, i)
}

// shortSide is the lesser of an image's width and height in pixels, as its file has them; 0 where that is not known.
func (o *opened) shortSide(i int, buffer []byte) (side int, file []byte) {
	if o.list == nil {
		return 0, buffer
	}
	file, err := o.list.Read(i, buffer)
	if err != nil {
		return 0, buffer
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return 0, file
	}
	return min(c.Width, c.Height), file
}
