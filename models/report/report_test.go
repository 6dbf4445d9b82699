package report

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/train"
)

type silent struct{}

func (silent) Note(string)    {}
func (silent) Stage(string)   {}
func (silent) Step(int, int)  {}
func (silent) Row(run.Row)    {}
func (silent) KNN(run.KNNRow) {}

// tinyRun trains the smallest run there is in dir.
func tinyRun(t testing.TB, b compute.Backend, dir string, change func(*run.Config)) {
	t.Helper()
	c := run.GlyphsGo()
	c.Data.TrainImages, c.Data.TestImages = 64, 64
	c.MoCo.Batch, c.MoCo.Groups, c.MoCo.Queue = 16, 2, 32
	c.Encoder.Width, c.Encoder.Dim, c.Views.ImageSize = 2, 8, 16
	c.Run.Epochs, c.Run.LogEvery, c.KNN.Every, c.KNN.Ks = 2, 1, 1, []int{1, 5}
	c.Run.Dir = dir
	change(&c)
	if _, err := train.Train(t.Context(), c, train.Machine{Backend: b, Devices: 1}, silent{}); err != nil {
		t.Fatal(err)
	}
}

// twoRuns trains two runs that differ in one setting, with a report of eval beside the first, and writes their page.
func twoRuns(t testing.TB, dir string) []byte {
	t.Helper()
	b := engines.Go(t)
	first, second := filepath.Join(dir, "one & <first>"), filepath.Join(dir, "second")
	tinyRun(t, b, first, func(*run.Config) {})
	tinyRun(t, b, second, func(c *run.Config) { c.MoCo.Temperature = 0.25 })
	tally := judge.NewTally(62)
	tally.Add(3, make([]float32, 62))
	evaluation := judge.Report{Classes: make([]string, 62), Rows: []judge.Row{judge.NewRow("encoder", "knn", "backbone", tally, make([]string, 62))}}
	text, err := evaluation.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(first+judge.ReportSuffix, text, 0o644); err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := Write(t.Context(), &page, []string{first, second}, Options{Backend: b}); err != nil {
		t.Fatal(err)
	}
	return page.Bytes()
}

// The page shows what it should, and points at nothing outside itself.
func TestPage(t *testing.T) {
	page := string(twoRuns(t, t.TempDir()))
	for part, want := range map[string]int{
		`<section class="chart">`: 13, "<h3>Effective rank</h3>": 1, `class="row neighbours"`: 16, `<svg class="map"`: 2, `<svg class="confusion"`: 2,
		`one &amp; &lt;first&gt;`: 10, "<td>moco.temperature</td><td>0.1</td><td>0.25</td>": 1, `class="evaluation"`: 1,
		"view 1</figcaption>": 16, "view 2</figcaption>": 16, "&#34;temperature&#34;: 0.25": 1,
	} {
		if got := strings.Count(page, part); got != want {
			t.Errorf("%d times %s, want %d", got, part, want)
		}
	}
	for _, link := range regexp.MustCompile(`(?i)(src|href|url)\s*[=(]\s*["']?([^"'\s>)]*)`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(link[2], "data:") {
			t.Errorf("the page points at %q", link[0])
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "NaN") {
		t.Error("the page has a script or a NaN")
	}
}

func TestPageWithoutAnEngine(t *testing.T) {
	b := engines.Go(t)
	dir := filepath.Join(t.TempDir(), "run")
	tinyRun(t, b, dir, func(c *run.Config) { c.KNN.Every = 0 })
	var page bytes.Buffer
	if err := Write(t.Context(), &page, []string{dir}, Options{}); err != nil {
		t.Fatal(err)
	}
	if text := page.String(); strings.Contains(text, "<img") || strings.Count(text, `<section class="chart">`) != 8 || strings.Contains(text, "differ") {
		t.Error("want the charts of one run, and no pictures")
	}
	if err := Write(t.Context(), &page, []string{t.TempDir()}, Options{}); err == nil || !strings.Contains(err.Error(), "not a run directory") {
		t.Errorf("error %v, want that a folder is no run", err)
	}
	if err := Write(t.Context(), &page, nil, Options{}); err == nil {
		t.Error("no runs: no error")
	}
	if err := os.WriteFile(dir+judge.ReportSuffix, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(t.Context(), &page, []string{dir}, Options{}); err == nil {
		t.Error("a broken report beside the run: no error")
	}
}

func TestScale(t *testing.T) {
	for _, test := range []struct {
		low, high float64
		want      []float64
	}{
		{0, 60, []float64{0, 10, 20, 30, 40, 50, 60}},
		{-0.12, 0.91, []float64{0, 0.2, 0.4, 0.6, 0.8}},
		{0, 0.06, []float64{0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06}},
		{7, 7, []float64{6.6, 6.8, 7, 7.2, 7.4}},
		{3, 744, []float64{200, 400, 600}},
	} {
		s := newScale(test.low, test.high)
		ok := len(s.ticks) == len(test.want)
		for i := 0; ok && i < len(s.ticks); i++ {
			ok = math.Abs(s.ticks[i]-test.want[i]) < 1e-9 && !math.Signbit(s.ticks[i])
		}
		if !ok {
			t.Errorf("%g to %g: ticks %v, want %v", test.low, test.high, s.ticks, test.want)
		}
	}
	s := newScale(10, 20)
	if s.at(10, 100, 200) != 100 || s.at(15, 100, 200) != 150 || s.at(20, 200, 100) != 100 {
		t.Error("a scale does not map its ends to the ends")
	}
}

func TestChart(t *testing.T) {
	nan := math.NaN()
	c := Chart{Title: "a < b", Series: []Series{{Name: "loss", X: []float64{1, 2, 3, 4}, Y: []float64{1, nan, 3, math.Inf(1)}}}}
	svg := string(c.SVG())
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") || strings.Count(svg, "<circle") != 2 || strings.Count(svg, "M") != 2 {
		t.Errorf("%s, want two marks and a gap", svg)
	}
	if !strings.Contains(svg, `aria-label="a &lt; b"`) {
		t.Errorf("%s: the title is not escaped", svg)
	}
	if empty := string(Chart{}.SVG()); strings.Contains(empty, "NaN") {
		t.Errorf("%s: an empty chart has numbers that are none", empty)
	}
	long := Series{X: make([]float64, 4000), Y: make([]float64, 4000)}
	for i := range long.X {
		long.X[i], long.Y[i] = float64(i), 2
	}
	thin := long.thinned()
	if len(thin.X) != mostPoints || thin.X[0] != 4.5 || slices.Max(thin.Y) != 2 || slices.Min(thin.Y) != 2 {
		t.Errorf("%d points from %g, want %d means from 4.5", len(thin.X), thin.X[0], mostPoints)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0.0034: "0.0034", 57.1234: "57.12", 12000: "12000", 0.1 + 0.2: "0.3", 0: "0", -2.5: "-2.5"} {
		if got := number(v); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Two clouds lie apart on the map, whatever the other dimensions do.
func TestMap(t *testing.T) {
	f := encoder.Features{Dim: 3}
	set := &data.Set{N: 20, Classes: []string{"a", "long name"}}
	for i := range 20 {
		class := i % 2
		set.Labels = append(set.Labels, int32(class))
		f.Data = append(f.Data, float32(class*10)-5, 0.1*float32(i%3), 1)
	}
	m, err := newMap(f, set)
	if err != nil {
		t.Fatal(err)
	}
	if m.Shares[0] < 95 || m.Shares[0]+m.Shares[1] > 100.001 {
		t.Errorf("shares %v, want nearly all in the first", m.Shares)
	}
	drawing := string(m.Drawing)
	if strings.Count(drawing, ">a</text>") != 10 || strings.Count(drawing, "<circle") != 10 {
		t.Error("want the short name written and dots for the long one")
	}
	at := regexp.MustCompile(`(?:cx|x)="(\d+)"`).FindAllStringSubmatch(drawing, -1)
	left, right := 0, 0
	for _, x := range at {
		if len(x[1]) == 3 && x[1] > "320" {
			right++
		} else {
			left++
		}
	}
	if left != 10 || right != 10 {
		t.Errorf("%d points on the left, %d on the right, want 10 each", left, right)
	}
	if _, err := newMap(encoder.Features{Dim: 1, Data: []float32{1, 2, 3}}, set); err == nil {
		t.Error("one dimension: no error")
	}
}

func TestVisible(t *testing.T) {
	c := augment.Config{Mean: [3]float64{0.5, 0.25, 0}, Std: [3]float64{0.5, 0.25, 1}}
	got := visible(c, []float32{-1, -1, 0, 1, 3, 2})
	if want := []uint8{0, 0, 0, 255, 255, 255}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestSampled(t *testing.T) {
	s := &data.Set{N: 12, Labels: []int32{5, 5, 1, 5, 2, 1, 5, 5, 5, 5, 5, 5}}
	if got, want := sampled(s), []int{0, 2, 4, 1, 3, 5, 6, 7}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v: different classes first", got, want)
	}
	if got := sampled(&data.Set{N: 2}); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("%v without labels, want the first", got)
	}
}

// A picture holds the pixels given, gray as RGB; a large image becomes a small one of the same colour.
func TestNewPicture(t *testing.T) {
	decode := func(p Picture) image.Image {
		t.Helper()
		data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(p.Source), "data:image/png;base64,"))
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	gray, err := NewPicture([]uint8{0, 64, 128, 255}, 2, 1, "gray")
	if err != nil {
		t.Fatal(err)
	}
	if got := decode(gray); got.Bounds().Dx() != 2 || got.At(0, 1) != (color.NRGBA{128, 128, 128, 255}) && got.At(0, 1) != (color.RGBA{128, 128, 128, 255}) {
		t.Errorf("%v of %v, want gray 128 of two pixels", got.At(0, 1), got.Bounds())
	}
	large, err := NewPicture(bytes.Repeat([]uint8{10, 20, 30}, 224*224), 224, 3, "large")
	if err != nil {
		t.Fatal(err)
	}
	r, g, b, _ := decode(large).At(50, 50).RGBA()
	if size := decode(large).Bounds().Dx(); size != mostPixels || r>>8 != 10 || g>>8 != 20 || b>>8 != 30 {
		t.Errorf("%d pixels wide, %d %d %d, want %d and 10 20 30", size, r>>8, g>>8, b>>8, mostPixels)
	}
}

// Folders of images: the page shows images of all classes, held-out ones where there are some.
func TestPageOfAFolder(t *testing.T) {
	b := engines.Go(t)
	images := t.TempDir()
	fill := func(split string) {
		for i := range 48 {
			dir := filepath.Join(images, split, []string{"ants", "bees"}[i%2])
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			img := image.NewGray(image.Rect(0, 0, 20, 24))
			for at := range img.Pix {
				img.Pix[at] = uint8(at * (i + 3))
			}
			var out bytes.Buffer
			if err := png.Encode(&out, img); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)+".png"), out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func(name string) string {
		dir := filepath.Join(t.TempDir(), name)
		tinyRun(t, b, dir, func(c *run.Config) {
			c.Data = dataset.Config{Kind: "folder", Dir: images, Canvas: 16, Workers: 1}
			must.M(c.Views.Choose("v2"))
			c.KNN.Every = 0
		})
		var page bytes.Buffer
		if err := Write(t.Context(), &page, []string{dir}, Options{Backend: b}); err != nil {
			t.Fatal(err)
		}
		return page.String()
	}
	fill("train")
	for _, queries := range []string{"training images, for want of held-out ones", "test images"} {
		page := write("run")
		for _, want := range []string{"Each of some " + queries, "<figcaption>ants</figcaption>", "<figcaption>bees</figcaption>"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: no %q", queries, want)
			}
		}
		fill("val")
	}
}

// A chart of which no run has anything is left out: of a run that is not judged those of judging, and of one with a loss its loss stays.
func TestChartsOfNothing(t *testing.T) {
	titles := func(h history) (all []string) {
		for _, c := range charts([]history{h, {}}) {
			all = append(all, c.Title)
		}
		return all
	}
	if got := titles(history{rows: []run.Row{{Step: 1, Loss: 2}}}); slices.Contains(got, "kNN top-1, %") || slices.Contains(got, "Alignment") || !slices.Contains(got, "Loss") {
		t.Errorf("charts %q", got)
	}
	if got := titles(history{knn: []run.KNNRow{{Step: 1, K: []int{5}, Backbone: []run.Float{50}}}}); !slices.Equal(got, []string{"kNN top-1, %"}) {
		t.Errorf("charts %q, want that of kNN alone", got)
	}
}

// Of ten training images the first and the sixth become queries; none is in both sets, and each keeps its label.
func TestApart(t *testing.T) {
	s := &data.Set{N: 10, Size: 1, Channels: 1, Pixels: []uint8{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, Labels: []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}
	got := must.M1(apart(s))
	if want := []uint8{0, 5}; !slices.Equal(got.queries.Pixels, want) || !slices.Equal(got.queries.Labels, []int32{0, 5}) || got.queries.N != 2 {
		t.Errorf("queries %+v, want %v", got.queries, want)
	}
	if want := []uint8{1, 2, 3, 4, 6, 7, 8, 9}; !slices.Equal(got.bank.Pixels, want) || !slices.Equal(got.bank.Labels, []int32{1, 2, 3, 4, 6, 7, 8, 9}) || got.bank.N != 8 {
		t.Errorf("bank %+v, want %v", got.bank, want)
	}
	if want := []uint8{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(s.Pixels, want) {
		t.Errorf("the set itself is now %v, want %v: its memory may be a file's, which is only read", s.Pixels, want)
	}
	if _, err := apart(&data.Set{Name: "one", N: 1, Size: 1, Channels: 1, Pixels: []uint8{0}}); err == nil {
		t.Error("one image alone: want an error")
	}
}

// TestViewSheet: the first column is the images; without any augmentation the other columns repeat it, and with one they
// are the views that the step makes, other ones in each epoch.
func TestViewSheet(t *testing.T) {
	b, c := engines.Go(t), run.GlyphsGo()
	c.Data.TrainImages, c.Views.ImageSize = 16, 32
	source := must.M1(c.Data.Source("train", nil))
	cell := func(sheet image.Image, row, column int) (pixels []color.Color) {
		for y := range 32 {
			for x := range 32 {
				pixels = append(pixels, sheet.At(column*36+2+x, row*36+2+y))
			}
		}
		return pixels
	}
	plain := c
	plain.Views.Augment = augment.Config{
		Area: augment.Range{Min: 1, Max: 1}, Ratio: augment.Range{Min: 1, Max: 1},
		Mean: c.Views.Augment.Mean, Std: c.Views.Augment.Std,
	}
	sheet := must.M1(ViewSheet(b, plain, source))
	if got, want := sheet.Bounds().Max, image.Pt(7*36, 8*36); got != want {
		t.Fatalf("size %v, want %v", got, want)
	}
	for row := range 8 {
		for column := range 7 {
			if !slices.Equal(cell(sheet, row, column), cell(sheet, row, 0)) {
				t.Errorf("row %d, column %d is not the image", row, column)
			}
		}
	}
	sheet = must.M1(ViewSheet(b, c, source))
	for column := 1; column < 7; column++ {
		for other := range column {
			if slices.Equal(cell(sheet, 0, column), cell(sheet, 0, other)) {
				t.Errorf("columns %d and %d are equal", other, column)
			}
		}
	}
}
