package augment

import (
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/janpfeifer/must"
)

const drawSeed = 20240607

// draws are the views of n images.
func draws(c Config, n int, aspect float64) []View {
	views := make([]View, n)
	for i := range views {
		views[i] = c.View(drawSeed, 3, i, i%2, aspect)
	}
	return views
}

// isUniform fails unless the values fall evenly into ten bins of [lo, hi], within five standard deviations.
func isUniform(t *testing.T, what string, lo, hi float64, values []float64) {
	t.Helper()
	const bins = 10
	var counts [bins]int
	for _, v := range values {
		bin := int(math.Floor((v - lo) / (hi - lo) * bins))
		if bin < 0 || bin > bins || math.IsNaN(v) {
			t.Fatalf("%s: %v outside [%v, %v]", what, v, lo, hi)
		}
		counts[min(bin, bins-1)]++
	}
	for bin, count := range counts {
		if !withinFiveSigma(count, len(values), 1.0/bins) {
			t.Errorf("%s: %d of %d values in bin %d of %d, want about %d", what, count, len(values), bin, bins, len(values)/bins)
		}
	}
}

func withinFiveSigma(count, n int, p float64) bool {
	return math.Abs(float64(count)-p*float64(n)) <= 5*math.Sqrt(float64(n)*p*(1-p))
}

// TestDrawDistributions: every parameter has the distribution its reference has.
func TestDrawDistributions(t *testing.T) {
	const n = 12000
	collect := func(views []View, value func(View) float64) []float64 {
		var out []float64
		for _, v := range views {
			out = append(out, value(v))
		}
		return out
	}

	c := must.M1(Preset("v2"))
	c.Ratio = Range{1, 1} // every area fits at the first try, so areas stay uniform
	views := draws(c, n, 1)
	isUniform(t, "area", 0.2, 1, collect(views, func(v View) float64 { return v.Height * v.Width }))
	isUniform(t, "top", 0, 1, collect(views, func(v View) float64 { return v.Top / (1 - v.Height) }))
	isUniform(t, "left", 0, 1, collect(views, func(v View) float64 { return v.Left / (1 - v.Width) }))
	c.Ratio, c.Area = torchvisionRatio, Range{0.1, 0.5} // every ratio fits
	isUniform(t, "log ratio", math.Log(3.0/4), math.Log(4.0/3), collect(draws(c, n, 1),
		func(v View) float64 { return math.Log(v.Width / v.Height) }))

	for name, test := range map[string]struct {
		p  float64
		of func(View) bool
	}{
		"flip":   {0.5, func(v View) bool { return v.Flip }},
		"gray":   {0.2, func(v View) bool { return v.Gray }},
		"jitter": {0.8, func(v View) bool { return v.Brightness != 1 }},
		"blur":   {0.5, func(v View) bool { return v.Sigma > 0 }},
	} {
		count := 0
		for _, v := range views {
			if test.of(v) {
				count++
			}
		}
		if !withinFiveSigma(count, n, test.p) {
			t.Errorf("%s: %d of %d views, want about %v", name, count, n, test.p*n)
		}
	}

	jittered := slices.DeleteFunc(slices.Clone(views), func(v View) bool { return v.Brightness == 1 })
	isUniform(t, "brightness", 0.6, 1.4, collect(jittered, func(v View) float64 { return v.Brightness }))
	isUniform(t, "contrast", 0.6, 1.4, collect(jittered, func(v View) float64 { return v.Contrast }))
	isUniform(t, "saturation", 0.6, 1.4, collect(jittered, func(v View) float64 { return v.Saturation }))
	isUniform(t, "hue", -0.1, 0.1, collect(jittered, func(v View) float64 { return v.Hue }))
	orders := map[[4]int]int{}
	for _, v := range jittered {
		orders[v.Order]++
	}
	for order, count := range orders {
		if !withinFiveSigma(count, len(jittered), 1.0/24) {
			t.Errorf("order %v: %d of %d, want about %d", order, count, len(jittered), len(jittered)/24)
		}
	}
	if len(orders) != 24 {
		t.Errorf("got %d orders of the jitter, want all 24", len(orders))
	}
	blurred := slices.DeleteFunc(slices.Clone(views), func(v View) bool { return v.Sigma == 0 })
	isUniform(t, "sigma", 0.1, 2, collect(blurred, func(v View) float64 { return v.Sigma }))

	mixed := draws(must.M1(Preset("glyphs")), n, 1)
	for row := range 3 {
		sum := func(v View) float64 { return v.Mix[row][0] + v.Mix[row][1] + v.Mix[row][2] }
		isUniform(t, "mix gain", 0.6, 1.4, collect(mixed, sum))
		for col := range 3 {
			// One coordinate of a uniform point of the triangle has density 2(1-x): 1-(1-x)^2 is uniform.
			isUniform(t, "mix weight", 0, 1, collect(mixed, func(v View) float64 {
				rest := 1 - v.Mix[row][col]/sum(v)
				return 1 - rest*rest
			}))
		}
	}
}

// TestDrawAspect: area and ratio are measured on the original image, and an image too wide or too tall for any box
// falls back to the largest central one.
func TestDrawAspect(t *testing.T) {
	c := must.M1(Preset("v1"))
	for _, aspect := range []float64{0.5, 1, 1.5, 2} {
		for _, v := range draws(c, 2000, aspect) {
			area, ratio := v.Height*v.Width, aspect*v.Width/v.Height
			fits := v.Top >= 0 && v.Left >= 0 && v.Top+v.Height <= 1+1e-12 && v.Left+v.Width <= 1+1e-12
			if !fits || area < 0.2-1e-12 || area > 1+1e-12 || ratio < 0.75-1e-12 || ratio > 4.0/3+1e-12 {
				t.Fatalf("aspect %v: box %+v has area %v and ratio %v", aspect, v, area, ratio)
			}
		}
	}

	c.Area = Range{0.95, 1}
	for _, test := range []struct {
		aspect                   float64
		ratio                    Range
		top, left, height, width float64
	}{
		{4, torchvisionRatio, 0, 1.0 / 3, 1, 1.0 / 3},
		{0.25, torchvisionRatio, 1.0 / 3, 0, 1.0 / 3, 1},
		{1, Range{2, 3}, 0.25, 0, 0.5, 1},
	} {
		c.Ratio = test.ratio
		v := c.View(drawSeed, 0, 0, 0, test.aspect)
		got, want := [4]float64{v.Top, v.Left, v.Height, v.Width}, [4]float64{test.top, test.left, test.height, test.width}
		for i := range got {
			if math.Abs(got[i]-want[i]) > 1e-12 {
				t.Errorf("aspect %v, ratio %v: fallback box %v, want %v", test.aspect, test.ratio, got, want)
				break
			}
		}
	}
}

// TestDrawIsPure: a view depends on its arguments only, on all of them, and not on the goroutine.
func TestDrawIsPure(t *testing.T) {
	c := must.M1(Preset("v2"))
	row := func(seed uint64, epoch, index, view int) []float32 {
		dst := make([]float32, c.NumParams())
		c.Draw(dst, seed, epoch, index, view, 1)
		return dst
	}
	base := row(1, 2, 3, 0)
	for name, other := range map[string][]float32{
		"seed":         row(2, 2, 3, 0),
		"epoch":        row(1, 3, 3, 0),
		"index":        row(1, 2, 4, 0),
		"view":         row(1, 2, 3, 1),
		"swapped pair": row(1, 3, 2, 0),
	} {
		if slices.Equal(other[:colFlip], base[:colFlip]) {
			t.Errorf("another %s draws the same crop %v", name, base[:colFlip])
		}
	}

	var want [64][]float32
	for i := range want {
		want[i] = row(7, 1, i, i%2)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := len(want) - 1; i >= 0; i-- {
				if got := row(7, 1, i, i%2); !slices.Equal(got, want[i]) {
					t.Errorf("image %d: got %v in a goroutine, want %v", i, got, want[i])
				}
			}
		})
	}
	group.Wait()

	quiet := c
	quiet.Blur, quiet.Jitter, quiet.Ops = Blur{}, Jitter{}, []string{OpGray}
	for i := range 100 {
		a, b := c.View(1, 0, i, 0, 1), quiet.View(1, 0, i, 0, 1)
		if a.Top != b.Top || a.Width != b.Width || a.Flip != b.Flip || a.Gray != b.Gray {
			t.Fatalf("image %d: without blur and jitter the rest is drawn as %+v, want %+v", i, b, a)
		}
	}
}

// TestDrawGolden holds the numbers themselves: a change to them changes every training run, and breaks resuming.
func TestDrawGolden(t *testing.T) {
	for _, test := range []struct {
		preset             string
		seed               uint64
		epoch, index, view int
		aspect             float64
		want               []float32
	}{
		{"v2", 0, 0, 0, 0, 1, []float32{
			0.30968985, 0.32981652, 0.43873402, 0.46811646, 1, 1.2491708, 1.1010303, 1.0116965, -0.084878258,
			0, 1, 3, 2, 1, 0,
			1, 0, 0, 0, 1, 0, 0, 0, 1,
		}},
		{"v2", 0, 0, 0, 1, 1, []float32{
			0.17170884, 0.2485012, 0.61519688, 0.72432935, 1, 0.97016519, 0.72543782, 0.63376278, -0.094454095,
			2, 1, 3, 0, 1, 1.2661303,
			1, 0, 0, 0, 1, 0, 0, 0, 1,
		}},
		{"v1", 42, 7, 123456, 1, 1.5, []float32{
			0.01377517, 0.25568932, 0.78979677, 0.47703701, 0, 1.147307, 0.73575962, 1.0857874, -0.39039341,
			1, 0, 2, 3, 0, 0,
			1, 0, 0, 0, 1, 0, 0, 0, 1,
		}},
		{"glyphs", 9223372036854775808, 199, 11999, 0, 1, []float32{
			0.22485383, 0.2357125, 0.75974262, 0.73167104, 0, 1, 1, 1, 0,
			0, 1, 2, 3, 0, 0,
			0.19079234, 0.054029863, 0.88583761, 0.018194839, 0.74112338, 0.42781332, 0.036833748, 0.40883577, 0.75434035,
		}},
	} {
		c := must.M1(Preset(test.preset))
		got := make([]float32, c.NumParams())
		c.Draw(got, test.seed, test.epoch, test.index, test.view, test.aspect)
		if len(got) != len(test.want) {
			t.Fatalf("%s: got %d parameters, want %d", test.preset, len(got), len(test.want))
		}
		for i := range got {
			if math.Abs(float64(got[i]-test.want[i])) > 1e-6 {
				t.Errorf("%s, seed %d, epoch %d, image %d, view %d: got\n%v, want\n%v",
					test.preset, test.seed, test.epoch, test.index, test.view, got, test.want)
				break
			}
		}
	}
}
