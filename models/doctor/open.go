package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // headers of images
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
	// window is that of the image files' 16-bit samples, and suited the same where the images chose it.
	window, suited picture.Window
}

// open opens a split. Image files come as thumbnails; broken ones are black, and have the aspect 0. Where c sets no window,
// otherwise chooses one by the files; nil chooses none.
func open(c dataset.Config, split string, otherwise func(*files.List) picture.Window) (*opened, error) {
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
	if o.window, err = c.Levels(); err != nil {
		return nil, errors.Join(err, o.list.Close())
	}
	if c.Window == "" && otherwise != nil {
		o.suited = otherwise(o.list)
		o.window = o.suited
	}
	stream, err := files.NewStream(o.list, files.StreamOptions{Canvas: picture.Canvas{Size: thumbnail, Window: o.window}, Workers: c.Workers, Blank: true, Report: o.tell})
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

// header is what an image's file says of it; the zero header where that is not known.
type header struct {
	width, height int
	gray, deep    bool // of one channel; of 16 bits
}

// header reads the header of an image's file.
func (o *opened) header(i int, buffer []byte) (h header, file []byte) {
	if o.list == nil {
		return h, buffer
	}
	file, err := o.list.Read(i, buffer)
	if err != nil {
		return h, buffer
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return h, file
	}
	return header{c.Width, c.Height, c.ColorModel == color.GrayModel || c.ColorModel == color.Gray16Model, picture.Deep(file)}, file
}
