package augment

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
)

// isClose fails unless the slices agree within the tolerance.
func isClose(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if d := parity.Compare(got, want); !(d.MaxAbs <= tolerance) {
		t.Fatalf("%s: %v, want within %v", what, d, tolerance)
	}
}

// TestFractionalBoxes holds crops whose boxes end within pixels, flipped or not, to the definition in float64.
func TestFractionalBoxes(t *testing.T) {
	const side, size = 20, 12
	box := func(top, left, height, width float64, flip bool) View {
		v := Neutral()
		v.Top, v.Left, v.Height, v.Width, v.Flip = top, left, height, width, flip
		return v
	}
	b := batch{side: side, channels: 3}
	var want []float32
	for n, v := range []View{
		box(0.013, 0.21, 0.77, 0.333, false),
		box(0.013, 0.21, 0.77, 0.333, true),
		box(0.61, 0.07, 0.389, 0.93, true),
		box(0.3, 0.4, 0.12, 0.15, false),
	} {
		pixels := parity.Waves(n, side, 3)
		b.add(pixels, v)
		want = append(want, naiveCrop(pixels, v, side, size)...)
	}
	isClose(t, "crop", b.apply(t, unit(), size), want, 5e-6)
}

// naiveCrop is the definition of the crop: triangle weights around each output pixel's centre, over the pixels whose
// centres are in the box.
func naiveCrop(pixels []uint8, v View, side, size int) []float32 {
	weights := func(start, length float64, i int) []float64 {
		start, length = start*float64(side), length*float64(side)
		scale := length / float64(size)
		centre, total := start+(float64(i)+0.5)*scale, 0.0
		w := make([]float64, side)
		for p := range w {
			at := float64(p) + 0.5
			if at >= start && at < start+length {
				w[p] = max(0, 1-math.Abs(at-centre)/max(scale, 1))
			}
			total += w[p]
		}
		for p := range w {
			w[p] /= total
		}
		return w
	}
	var out []float32
	for i := range size {
		rows := weights(v.Top, v.Height, i)
		for j := range size {
			if v.Flip {
				j = size - 1 - j
			}
			cols := weights(v.Left, v.Width, j)
			for c := range 3 {
				sum := 0.0
				for y := range side {
					for x := range side {
						sum += rows[y] * cols[x] * float64(pixels[(y*side+x)*3+c]) / 255
					}
				}
				out = append(out, float32(sum))
			}
		}
	}
	return out
}

// TestMix holds the channel mixing to its definition, clamping included.
func TestMix(t *testing.T) {
	const side = 8
	v := Neutral()
	v.Mix = [3][3]float64{{0.2, 0.5, 0.1}, {0, 0.1, 1.3}, {0.4, 0.4, 0.2}}
	pixels := parity.Waves(1, side, 3)
	b := batch{side: side, channels: 3}
	b.add(pixels, v)
	c := unit()
	c.Ops, c.Mix = []string{OpMix}, Mix{P: 1, Gain: Range{0.5, 1.5}}
	var want []float32
	clamped := false
	for p := 0; p < len(pixels); p += 3 {
		for _, row := range v.Mix {
			sum := 0.0
			for in, weight := range row {
				sum += weight * float64(pixels[p+in]) / 255
			}
			clamped = clamped || sum > 1
			want = append(want, float32(min(sum, 1)))
		}
	}
	if !clamped {
		t.Fatal("no value needed clamping: the test shows less than it should")
	}
	isClose(t, "mix", b.apply(t, c, side), want, 1e-6)
}

// TestEveryPresetStaysInRange: drawn views of every preset, on every kind of canvas, are numbers within [0, 1]
// before the normalisation, and differ between the two views of an image.
func TestEveryPresetStaysInRange(t *testing.T) {
	for _, name := range Presets() {
		for _, canvas := range []struct{ side, channels int }{{28, 1}, {32, 3}, {45, 3}} {
			c := must.M1(Preset(name))
			c.Mean, c.Std = [3]float64{}, [3]float64{1, 1, 1}
			var views [2][]float32
			for view := range views {
				b := batch{side: canvas.side, channels: canvas.channels}
				for n := range 6 {
					b.add(parity.Waves(n, canvas.side, canvas.channels), c.View(5, 0, n, view, 1))
				}
				views[view] = b.apply(t, c, 32)
			}
			same := 0
			for i := range views[0] {
				if x := views[0][i]; !(x >= -1e-6 && x <= 1+1e-6) {
					t.Fatalf("%s, canvas %v: value %d is %v, want within [0, 1]", name, canvas, i, x)
				}
				if views[0][i] == views[1][i] {
					same++
				}
			}
			if same > len(views[0])/3 { // clamping leaves some equal
				t.Errorf("%s, canvas %v: %d of %d values are equal in both views", name, canvas, same, len(views[0]))
			}
		}
	}
}

// TestImagesAreIndependent: an image's view doesn't depend on the rest of the batch, so a batch can be split.
func TestImagesAreIndependent(t *testing.T) {
	const side, size, images = 20, 16, 4
	c := must.M1(Preset("v2"))
	c.Blur.Kernel = 0.4
	whole := batch{side: side, channels: 3}
	var alone []float32
	for n := range images {
		pixels, v := parity.Waves(n, side, 3), c.View(1, 2, n, 0, 1)
		whole.add(pixels, v)
		one := batch{side: side, channels: 3}
		one.add(pixels, v)
		alone = append(alone, one.apply(t, c, size)...)
	}
	isClose(t, "batch of four", whole.apply(t, c, size), alone, 1e-6)
}

// TestPlain: the canvas of Apply without randomness: padded, resized or as it is, and normalised.
func TestPlain(t *testing.T) {
	c := unit()
	c.Mean, c.Std = [3]float64{0.5, 0.25, 0.125}, [3]float64{0.5, 0.2, 0.1}
	for _, test := range []struct{ side, channels, size int }{
		{32, 3, 32}, {28, 1, 32}, {40, 3, 24}, {20, 1, 32}, {28, 3, 28},
	} {
		b := batch{side: test.side, channels: test.channels}
		b.add(parity.Waves(0, test.side, test.channels), Neutral())
		b.add(parity.Waves(1, test.side, test.channels), Neutral())
		isClose(t, "Plain", b.plain(t, c, test.size), b.apply(t, c, test.size), 5e-5) // up to 10 times 5e-6
	}

	pixels := parity.Waves(0, 28, 1)
	b := batch{side: 28, channels: 1}
	b.add(pixels, Neutral())
	got := b.plain(t, c, 32)
	for y := range 32 {
		for x := range 32 {
			pixel := 0.0
			if inside := y >= 2 && y < 30 && x >= 2 && x < 30; inside {
				pixel = float64(pixels[(y-2)*28+x-2]) / 255
			}
			for ch := range 3 {
				want := (pixel - c.Mean[ch]) / c.Std[ch]
				if d := math.Abs(float64(got[(y*32+x)*3+ch]) - want); !(d < 1e-5) {
					t.Fatalf("padded pixel (%d, %d), channel %d: got %v, want %v", y, x, ch, got[(y*32+x)*3+ch], want)
				}
			}
		}
	}
}

// TestBadShapes: Apply panics with what it got and what it wants.
func TestBadShapes(t *testing.T) {
	good := must.M1(Preset("v1"))
	bad := good
	bad.Flip = 2
	p := good.NumParams()
	for name, test := range map[string]struct {
		config         Config
		images, params shapes.Shape
		size           int
		want           string
	}{
		"float images":  {good, shapes.Make(dtypes.Float32, 2, 8, 8, 3), shapes.Make(dtypes.Float32, 2, p), 8, "want uint8"},
		"rank":          {good, shapes.Make(dtypes.Uint8, 2, 8, 8), shapes.Make(dtypes.Float32, 2, p), 8, "want uint8"},
		"not square":    {good, shapes.Make(dtypes.Uint8, 2, 8, 9, 3), shapes.Make(dtypes.Float32, 2, p), 8, "want uint8"},
		"two channels":  {good, shapes.Make(dtypes.Uint8, 2, 8, 8, 2), shapes.Make(dtypes.Float32, 2, p), 8, "want uint8"},
		"few columns":   {good, shapes.Make(dtypes.Uint8, 2, 8, 8, 3), shapes.Make(dtypes.Float32, 2, p-1), 8, "NumParams"},
		"few rows":      {good, shapes.Make(dtypes.Uint8, 2, 8, 8, 3), shapes.Make(dtypes.Float32, 1, p), 8, "NumParams"},
		"double params": {good, shapes.Make(dtypes.Uint8, 2, 8, 8, 3), shapes.Make(dtypes.Float64, 2, p), 8, "NumParams"},
		"size":          {good, shapes.Make(dtypes.Uint8, 2, 8, 8, 3), shapes.Make(dtypes.Float32, 2, p), 0, "size 0"},
		"configuration": {bad, shapes.Make(dtypes.Uint8, 2, 8, 8, 3), shapes.Make(dtypes.Float32, 2, p), 8, "flip is 2"},
	} {
		backend := engines.Go(t)
		_, err := CallOnce(backend, func(images, params *Node) *Node {
			return test.config.Apply(images, params, test.size)
		}, tensors.FromShape(test.images), tensors.FromShape(test.params))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, test.want)
		}
		backend.Finalize()
	}
}
