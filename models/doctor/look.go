package doctor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/run"
)

const (
	// sample is how many images [Look] looks at.
	sample = 1024
	// emptyCrops is the largest share of crops that may show next to nothing. A crop does so where the deviation of its gray is
	// below the share empty of the image's.
	emptyCrops = 0.02
	empty      = 0.1
	// sided: a set of n images has a left and a right where symmetry.share is above sided+4/n. Where it has none, the share is
	// 1/n on average. MNIST's is 0.09 for 1024 images, that of glyphs 0.004.
	sided = 0.01
)

// areas are the least areas of crops to choose from.
var areas = []float64{0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8}

// Look is what `train --preset=auto` goes by: the number of the training images, and what 1024 of them look like, evenly
// spread over the set. It reads no others.
func Look(ctx context.Context, c dataset.Config) (run.Facts, error) {
	o, err := open(c, "train", dataset.Stretch)
	if err != nil {
		return run.Facts{}, err
	}
	f, err := o.facts(ctx)
	if n := c.TrainImages; n > 0 {
		f.Images = min(f.Images, n)
	}
	return f, errors.Join(err, o.Close())
}

// facts are what [run.Fit] goes by.
func (o *opened) facts(ctx context.Context) (run.Facts, error) {
	info := o.Info()
	chunk := chunkOf(info)
	f := run.Facts{Images: info.N, Side: info.Size}
	n := min(sample, info.N)
	var sides []int
	var file []byte
	s := newShrinker(info.Size, info.Channels)
	shape, colours := symmetry{}, false
	crops := newCrops(info.Size)
	pixels, rows := make([]uint8, chunk*info.ImageLen()), make([]data.Row, chunk)
	indices := make([]int, n)
	for k := range indices {
		indices[k] = int(int64(k) * int64(info.N) / int64(n))
	}
	for part := range slices.Chunk(indices, chunk) {
		if err := ctx.Err(); err != nil {
			return f, err
		}
		if err := o.Fill(pixels[:len(part)*info.ImageLen()], rows[:len(part)], part); err != nil {
			return f, fmt.Errorf("doctor: %w", err)
		}
		for k, i := range part {
			if rows[k].Aspect == 0 {
				continue
			}
			var h header
			if h, file = o.header(i, file); h.width > 0 {
				sides = append(sides, min(h.width, h.height))
			}
			image := pixels[k*info.ImageLen() : (k+1)*info.ImageLen()]
			colours = colours || coloured(image, info.Channels)
			d, deviation := s.draw(image)
			if d.length == 0 {
				continue
			}
			shape.add(&d)
			crops.add(s, image, deviation, uint64(i))
		}
	}
	if len(sides) > 0 {
		slices.Sort(sides)
		f.Side = sides[len(sides)/2]
	}
	f.Gray, f.Window = o.list != nil && !colours, o.suited.String()
	f.Crop, f.Sided = crops.least(), shape.share() > sided+4/float64(max(1, shape.n))
	return f, nil
}

// coloured tells whether the channels of an image differ.
func coloured(pixels []uint8, channels int) bool {
	for at := 0; at < len(pixels); at += channels {
		for ch := 1; ch < channels; ch++ {
			if pixels[at+ch] != pixels[at] {
				return true
			}
		}
	}
	return false
}

// symmetry compares images with their mirror images.
type symmetry struct {
	n      int
	sum    [cells]float64 // of the differences: a drawing of unit length less its mirror image
	length float64        // the sum of the differences' squared lengths
}

func (s *symmetry) add(d *drawing) {
	m := d.mirrored()
	s.n++
	for i := range d.values {
		x := (float64(d.values[i]) - float64(m.values[i])) / float64(d.length)
		s.sum[i] += x
		s.length += x * x
	}
}

// share is the squared length of the mean difference, divided by the mean squared length of the differences. It is 1 where all
// images differ from their mirror images in the same way, and about 1/n where each of n images differs in its own way.
func (s *symmetry) share() float64 {
	if s.length == 0 {
		return 0
	}
	squares := 0.0
	for _, x := range s.sum {
		squares += x * x
	}
	return squares / s.length / float64(s.n)
}

// crops counts random crops that show next to nothing.
type crops struct {
	size         int
	sum, squares []float64 // of all pixels above and to the left, [size+1, size+1]
	empty        []int     // by the least area
	all          int
}

const cropsEach = 8

func newCrops(size int) *crops {
	cells := (size + 1) * (size + 1)
	return &crops{size: size, sum: make([]float64, cells), squares: make([]float64, cells), empty: make([]int, len(areas))}
}

// add draws crops of an image by its number in the set. Each place is drawn once and used for all areas, so that the areas are
// compared by the same crops.
func (c *crops) add(s *shrinker, pixels []uint8, deviation float32, number uint64) {
	wide := c.size + 1
	for y := range c.size {
		s.row(pixels[y*c.size*s.channels:])
		line, lineSquares := 0.0, 0.0
		for x, v := range s.gray {
			line += float64(v)
			lineSquares += float64(v) * float64(v)
			at := (y+1)*wide + x + 1
			c.sum[at], c.squares[at] = c.sum[at-wide]+line, c.squares[at-wide]+lineSquares
		}
	}
	random := rand.New(rand.NewPCG(number, 0))
	for range cropsEach {
		ratio := math.Exp((2*random.Float64() - 1) * math.Log(4.0/3))
		left, top := random.Float64(), random.Float64()
		c.all++
		for i, area := range areas {
			side := math.Sqrt(area) * float64(c.size)
			w, h := min(c.size, max(1, int(side*math.Sqrt(ratio)))), min(c.size, max(1, int(side/math.Sqrt(ratio))))
			x, y := int(left*float64(c.size-w+1)), int(top*float64(c.size-h+1))
			if c.deviation(x, y, w, h) < empty*float64(deviation) {
				c.empty[i]++
			}
		}
	}
}

// deviation is that of the gray of a part.
func (c *crops) deviation(x, y, w, h int) float64 {
	of := func(sums []float64) float64 {
		wide := c.size + 1
		return sums[(y+h)*wide+x+w] - sums[y*wide+x+w] - sums[(y+h)*wide+x] + sums[y*wide+x]
	}
	n := float64(w * h)
	mean := of(c.sum) / n
	return math.Sqrt(max(0, of(c.squares)/n-mean*mean))
}

// least is the least area that suits, or the largest there is.
func (c *crops) least() float64 {
	for i, area := range areas {
		if float64(c.empty[i]) <= emptyCrops*float64(c.all) {
			return area
		}
	}
	return areas[len(areas)-1]
}
