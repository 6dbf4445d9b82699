package bank_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/bank"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// small is an encoder of images of 16 pixels.
func small(scope string) *encoder.Weights {
	c := resnet.Config{Arch: "resnet10", Width: 2, Stem: resnet.StemSmall, Head: resnet.HeadLinear, Dim: 8, Precision: resnet.Float32, Remat: resnet.RematNone}
	third := [3]float64{0.3, 0.3, 0.3}
	w := &encoder.Weights{
		Manifest: encoder.Manifest{Network: encoder.NewNetwork(c), Input: encoder.NewInput(16, third, third)},
		Values:   map[string][]float32{}, Path: scope + ".safetensors",
	}
	for _, p := range c.Params() {
		w.Values[p.Name] = resnet.FromTorch(parity.Weights(scope, p.Name, resnet.TorchDims(p.Dims)), p.Dims)
	}
	return w
}

// draw makes a picture whose colours are a function of its number.
func draw(name string, number, width, height int) {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range m.Pix {
		m.Pix[i] = uint8(128 + 127*math.Sin(float64(number)+float64(i%4)+float64(i/40)*float64(number%5)))
		if i%4 == 3 {
			m.Pix[i] = 255
		}
	}
	must.M(os.MkdirAll(filepath.Dir(name), 0o755))
	f := must.M1(os.Create(name))
	must.M(png.Encode(f, m))
	must.M(f.Close())
}

// photos draws ten pictures, and two files that are none.
func photos(t *testing.T) *files.List {
	t.Helper()
	t.Chdir(t.TempDir())
	for i := range 10 {
		draw(fmt.Sprintf("photos/%d.png", i), i, 20+i, 30)
	}
	must.M(os.WriteFile("photos/5a.png", []byte("no picture"), 0o644))
	must.M(os.WriteFile("photos/zz.gif", []byte("GIF89a"), 0o644))
	return must.M1(files.Paths([]string{"photos"}))
}

// A bank has the encoder's features of each image that can be read, in the order of their names; a search in it finds what
// comparing all pairs finds, an image itself first.
func TestSearchFindsTheNearest(t *testing.T) {
	list := photos(t)
	b := engines.Go(t)
	s := must.M1(judge.NewSearch(b))
	defer s.Close()
	w := small("query")
	e := must.M1(encoder.New(b, w, encoder.Options{Batch: 4}))
	defer e.Close()
	for _, projection := range []bool{false, true} {
		var broken []string
		o := bank.Options{Projection: projection, Library: picture.Go, Broken: func(b files.Broken) { broken = append(broken, b.Name) }}
		m, dim, err := bank.Write(t.Context(), "bank.npy", e, w, list, o)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(broken)
		if want := []string{"photos/5a.png", "photos/zz.gif"}; !slices.Equal(broken, want) || len(m.Broken) != 2 {
			t.Errorf("broken %q, want %q", broken, want)
		}
		got := must.M1(bank.Open("bank.npy"))
		if len(got.Names) != 10 || got.Names[6] != "photos/6.png" || got.Rows.Len() != 10 || got.Rows.Dim != dim || got.EncoderPath() != "query.safetensors" {
			t.Fatalf("names %q, %d rows of %d, encoder %q", got.Names, got.Rows.Len(), got.Rows.Dim, got.EncoderPath())
		}
		// Each image alone, decoded here, has its row.
		decoder := must.M1(picture.NewDecoder(picture.Canvas{Size: 16}, picture.Go))
		for i, name := range got.Names {
			pixels := make([]uint8, 16*16*3)
			must.M1(decoder.Squeeze(pixels, must.M1(os.ReadFile(name))))
			alone := must.M1(e.Embed(pixels, 1))
			want := alone.Trunk
			if projection {
				want = alone.Head
			}
			row := got.Rows.Data[i*dim : (i+1)*dim]
			if !slices.EqualFunc(row, want.Data, func(a, b float32) bool { return math.Abs(float64(a-b)) < 2e-6 }) {
				t.Fatalf("%s has the row %v, want %v", name, row, want.Data)
			}
		}
		found, err := got.Search(t.Context(), s, e, w, list, 4, o)
		if err != nil {
			t.Fatal(err)
		}
		for q, f := range found {
			if f.Name != got.Names[q] || f.Matches[0].Name != f.Name || math.Abs(float64(f.Matches[0].Similarity)-1) > 1e-5 {
				t.Errorf("%s finds %+v, want itself first", f.Name, f.Matches)
			}
			compare(t, got, q, f.Matches)
		}
	}
}

// compare holds what was found for row q to all similarities, computed in float64.
func compare(t *testing.T, b *bank.Bank, q int, matches []bank.Match) {
	t.Helper()
	row := func(i int) []float32 { return b.Rows.Data[i*b.Rows.Dim : (i+1)*b.Rows.Dim] }
	dot := func(x, y []float32) (sum float64) {
		for i := range x {
			sum += float64(x[i]) * float64(y[i])
		}
		return sum
	}
	var all []float64
	for i := range b.Rows.Len() {
		all = append(all, dot(row(q), row(i))/math.Sqrt(dot(row(q), row(q))*dot(row(i), row(i))))
	}
	sorted := slices.Sorted(slices.Values(all))
	for i, m := range matches {
		if want := sorted[len(sorted)-1-i]; math.Abs(float64(m.Similarity)-want) > 1e-5 || math.Abs(all[slices.Index(b.Names, m.Name)]-want) > 1e-5 {
			t.Errorf("match %d of %s is %+v, want a similarity of %v", i, b.Names[q], m, want)
		}
	}
}

// What is none of a bank's files is refused, as is another encoder's search; and a bank leads to no file outside its folder.
func TestOpenRefuses(t *testing.T) {
	list := photos(t)
	b := engines.Go(t)
	w := small("query")
	e := must.M1(encoder.New(b, w, encoder.Options{Batch: 4}))
	defer e.Close()
	write := func() bank.Manifest {
		m, _, err := bank.Write(t.Context(), "bank.npy", e, w, list, bank.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	good := write()
	for name, spoil := range map[string]func(){
		"no features":       func() { must.M(os.Remove("bank.npy")) },
		"no manifest":       func() { must.M(os.Remove("bank.npy.json")) },
		"half of it":        func() { must.M(os.Truncate("bank.npy", 300)) },
		"a manifest's half": func() { must.M(os.Truncate("bank.npy.json", 300)) },
		"a name too few":    func() { m := good; m.Names = m.Names[1:]; put(m) },
		"another format":    func() { m := good; m.Format = "mocotpu-bank-2"; put(m) },
		"a number that is none": func() {
			content := must.M1(os.ReadFile("bank.npy"))
			copy(content[len(content)-4:], "\x00\x00\xc0\x7f")
			must.M(os.WriteFile("bank.npy", content, 0o644))
		},
	} {
		write()
		spoil()
		if _, err := bank.Open("bank.npy"); !errors.Is(err, bank.ErrNotBank) || !strings.Contains(err.Error(), "bank.npy") {
			t.Errorf("%s: error %v, want ErrNotBank and the file's name", name, err)
		}
	}
	write()
	s := must.M1(judge.NewSearch(b))
	defer s.Close()
	other := small("key")
	if _, err := must.M1(bank.Open("bank.npy")).Search(t.Context(), s, e, other, list, 3, bank.Options{}); !errors.Is(err, bank.ErrOther) {
		t.Errorf("another encoder: error %v, want ErrOther", err)
	}
	for _, path := range []string{"/etc/passwd", "../x.safetensors", "a/../../x", ""} {
		m := good
		m.Encoder.Path = path
		put(m)
		if got := must.M1(bank.Open("bank.npy")).EncoderPath(); got != "" {
			t.Errorf("the path %q leads to %q", path, got)
		}
	}
	only := must.M1(files.Paths([]string{"photos/zz.gif"}))
	before := must.M1(os.ReadFile("bank.npy"))
	if _, _, err := bank.Write(t.Context(), "bank.npy", e, w, only, bank.Options{}); !errors.Is(err, data.ErrCorrupt) {
		t.Errorf("no image that can be read: error %v, want ErrCorrupt", err)
	}
	if after, err := os.ReadFile("bank.npy"); err != nil || !slices.Equal(before, after) {
		t.Errorf("a bank that could not be made took the place of one that was there (error %v)", err)
	}
}

func put(m bank.Manifest) { must.M(os.WriteFile("bank.npy.json", must.M1(json.Marshal(m)), 0o644)) }
