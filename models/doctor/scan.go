package doctor

import (
	"context"
	"fmt"
	"math"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/host/limits"
)

const (
	// flat is the standard deviation of an image's gray 16x16 cells below which nothing is compared with it, in levels of
	// 255: what is left is mostly rounding.
	flat = 1.5
	// tiny is the shorter side of an image file in pixels below which it is called tiny: less than the smallest view.
	tiny = 32
	// chunk is how many images are in memory at a time, and chunkBytes what they may take: then they are fewer.
	chunk      = 256
	chunkBytes = 64 << 20
)

// chunkOf is how many images of a set are in memory at a time.
func chunkOf(info data.Info) int { return max(1, min(chunk, chunkBytes/info.ImageLen())) }

// Split is what is in one split of a set.
type Split struct {
	// Name is "train" or "test", or what the set is called that the training images were held against.
	Name   string `json:"name"`
	Images int    `json:"images"`
	// Own is what the images are by themselves.
	Own Own `json:"own"`
	// Size and Channels are those of the images as they were looked at: image files as thumbnails, their 16-bit samples in
	// the window LOW,HIGH, "" where there are none, or no window.
	Size     int    `json:"size"`
	Channels int    `json:"channels"`
	Window   string `json:"window,omitempty"`
	// Classes counts the images of each class by its name; nil without classes.
	Classes map[string]int `json:"classes,omitempty"`
	// Mean and Deviation are each channel's over all pixels that were looked at, on the scale of 0 to 1.
	Mean      []float64 `json:"mean"`
	Deviation []float64 `json:"deviation"`
	// Flat are the images that show nothing: constant, or nearly so. Tiny are the image files of which a side has fewer
	// than 32 pixels.
	Flat Named `json:"flat"`
	Tiny Named `json:"tiny"`
	// Broken are the images that could not be read. A packed set was made without them: they are none of its Images.
	Broken []files.Broken `json:"broken"`
	// Exact counts the images whose pixels are those of an earlier one of the split, Near those that are near duplicates of an
	// earlier one, and Mirrored those that are so of its mirror image. Distinct are the others that can be read: the four and
	// what could not be read add up to Images. Flat images are compared for the same pixels alone.
	Exact    int `json:"exact"`
	Near     int `json:"near"`
	Mirrored int `json:"mirrored"`
	Distinct int `json:"distinct"`
	unread   int // of Images
	// Groups counts the images that can be read when duplicates of duplicates are one.
	Groups int `json:"groups"`
}

// Named counts images, and names the first 10 000 of them.
type Named struct {
	Images int      `json:"images"`
	Names  []string `json:"names"`
}

func (n *Named) add(name string) {
	if n.Images++; n.Images <= mostListed {
		n.Names = append(n.Names, name)
	}
}

// scan looks at each image of a split once, puts it into the album from number first on, and returns what it counted.
func (o *opened) scan(ctx context.Context, name string, a *album, first int, progress encoder.Progress) (*Split, error) {
	info := o.Info()
	chunk := chunkOf(info)
	s := &Split{Name: name, Images: info.N, Size: info.Size, Channels: info.Channels, Flat: Named{Names: []string{}}, Tiny: Named{Names: []string{}}}
	workers := make([]*looker, limits.CPUs())
	for i := range workers {
		workers[i] = &looker{shrinker: newShrinker(info.Size, info.Channels), sums: make([]uint64, 2*info.Channels)}
	}
	pixels, rows, indices := make([]uint8, chunk*info.ImageLen()), make([]data.Row, chunk), make([]int, chunk)
	looks := make([]look, chunk)
	for start := 0; start < info.N; start += chunk {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(chunk, info.N-start)
		for i := range n {
			indices[i] = start + i
		}
		o.Prefetch(indices[:n])
		if err := o.Fill(pixels[:n*info.ImageLen()], rows[:n], indices[:n]); err != nil {
			return nil, fmt.Errorf("doctor: %w", err)
		}
		var wg guard.Group
		for w, worker := range workers {
			wg.Go(func() {
				for i := w; i < n; i += len(workers) {
					looks[i] = worker.look(o, start+i, pixels[i*info.ImageLen():(i+1)*info.ImageLen()], rows[i].Aspect)
				}
			})
		}
		wg.Wait()
		for i, l := range looks[:n] {
			if rows[i].Aspect == 0 {
				s.unread++
				continue
			}
			a.add(first+start+i, l.content, l.drawing)
			if l.drawing.length == 0 {
				s.Flat.add(o.name(name, start+i))
			}
			if h := l.header; h.width > 0 {
				s.Own.add(h)
				if min(h.width, h.height) < tiny {
					s.Tiny.add(o.name(name, start+i))
				}
			}
		}
		if progress != nil {
			progress(start+n, info.N)
		}
	}
	s.Broken = append([]files.Broken{}, o.brokenOnes()...)
	if o.list == nil {
		s.Own.all(info)
	}
	if s.Own.Deep > 0 {
		s.Window = o.window.String()
	}
	s.count(info)
	s.average(workers, (info.N-s.unread)*info.Size*info.Size)
	return s, nil
}

// count counts the images of each class.
func (s *Split) count(info data.Info) {
	if info.Labels == nil {
		return
	}
	s.Classes = map[string]int{}
	for _, name := range info.Classes {
		s.Classes[name] = 0
	}
	for _, label := range info.Labels {
		s.Classes[info.Classes[label]]++
	}
}

// average makes means and deviations of the sums over so many pixels of each channel. The sums are whole numbers, so that
// their order does not show.
func (s *Split) average(workers []*looker, pixels int) {
	for ch := range s.Channels {
		sum, squares := uint64(0), uint64(0)
		for _, w := range workers {
			sum, squares = sum+w.sums[2*ch], squares+w.sums[2*ch+1]
		}
		n := float64(max(1, pixels))
		mean := float64(sum) / n
		s.Mean = append(s.Mean, mean/255)
		s.Deviation = append(s.Deviation, math.Sqrt(max(0, float64(squares)/n-mean*mean))/255)
	}
}

// looker looks at images, one at a time.
type looker struct {
	*shrinker
	sums []uint64 // of each channel's pixels, and of their squares
	file []byte
}

// look is what is seen of one image.
type look struct {
	content content
	drawing drawing
	header  header
}

func (k *looker) look(o *opened, i int, pixels []uint8, aspect float32) (l look) {
	if aspect == 0 {
		return l // broken
	}
	l.content = contentOf(pixels, aspect)
	l.drawing, _ = k.draw(pixels)
	l.header, k.file = o.header(i, k.file)
	channels := k.channels
	for at, v := range pixels {
		ch := at % channels
		k.sums[2*ch] += uint64(v)
		k.sums[2*ch+1] += uint64(v) * uint64(v)
	}
	return l
}
