package files

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/picture"
)

// folder makes n images in two classes, image i of the gray level i and i+4 pixels wide and 8 high; those in broken are cut short.
func folder(t *testing.T, n int, broken ...int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		at := filepath.Join(dir, "ab"[2*i/n:2*i/n+1])
		must.M(os.MkdirAll(at, 0o755))
		m := image.NewGray(image.Rect(0, 0, i+4, 8))
		for p := range m.Pix {
			m.Pix[p] = color.Gray{Y: uint8(i)}.Y
		}
		var b bytes.Buffer
		must.M(png.Encode(&b, m))
		file := b.Bytes()
		if slices.Contains(broken, i) {
			file = file[:20]
		}
		must.M(os.WriteFile(filepath.Join(at, fmt.Sprintf("%04d.png", i)), file, 0o644))
	}
	return dir
}

func open(t *testing.T, dir string, o StreamOptions) *Stream {
	t.Helper()
	s := must.M1(NewStream(must.M1(Open(dir, "train", Options{})), o))
	t.Cleanup(func() { must.M(s.Close()) })
	return s
}

// check fills in the images at indices and compares them with those of the levels wanted.
func check(t *testing.T, s *Stream, indices, levels []int) {
	t.Helper()
	n := s.Info().ImageLen()
	dst, rows := make([]uint8, len(indices)*n), make([]data.Row, len(indices))
	if err := s.Fill(dst, rows, indices); err != nil {
		t.Fatal(err)
	}
	for at, level := range levels {
		want := data.Row{Aspect: float32(level+4) / 8, Label: s.Info().Labels[level]}
		if image := dst[at*n : (at+1)*n]; image[0] != uint8(level) || image[n-1] != uint8(level) || rows[at] != want {
			t.Errorf("image %d has levels %d and %d and row %v, want %d and %v", indices[at], image[0], image[n-1], rows[at], level, want)
		}
	}
}

func TestFillDecodesWhatIsAskedFor(t *testing.T) {
	for _, workers := range []int{1, 3} {
		s := open(t, folder(t, 40), StreamOptions{Canvas: picture.Canvas{Size: 6}, Library: picture.Go, Workers: workers})
		check(t, s, []int{39, 0, 7, 7, 21}, []int{39, 0, 7, 7, 21})
		check(t, s, nil, nil)
	}
}

// TestBrokenImagesAreReplaced has every index give the same image to every caller, and each broken one reported once.
func TestBrokenImagesAreReplaced(t *testing.T) {
	var mu sync.Mutex
	var told []string
	s := open(t, folder(t, 250, 5, 249), StreamOptions{Canvas: picture.Canvas{Size: 6}, Report: func(b Broken) {
		mu.Lock()
		defer mu.Unlock()
		name, _, _ := strings.Cut(b.Problem, ":")
		told = append(told, b.Name+" "+name)
	}})
	for range 2 {
		check(t, s, []int{4, 5, 6, 249, 5}, []int{4, 6, 6, 0, 6})
	}
	slices.Sort(told)
	if want := []string{"a/0005.png picture", "b/0249.png picture"}; !reflect.DeepEqual(told, want) {
		t.Errorf("told %v, want %v, each once", told, want)
	}
}

// TestBrokenImagesAreBlank has a broken image be black and without an aspect, and none stand in for it, however many are.
func TestBrokenImagesAreBlank(t *testing.T) {
	told := 0
	s := open(t, folder(t, 4, 0, 1, 2), StreamOptions{Canvas: picture.Canvas{Size: 6}, Workers: 1, Blank: true, Report: func(Broken) { told++ }})
	n := s.Info().ImageLen()
	dst, rows := bytes.Repeat([]byte{7}, 4*n), make([]data.Row, 4)
	for range 2 {
		if err := s.Fill(dst, rows, []int{0, 1, 2, 3}); err != nil {
			t.Fatal(err)
		}
	}
	if want := (data.Row{Label: -1}); rows[1] != want || rows[3].Aspect != 7.0/8 || told != 3 {
		t.Errorf("rows %v, want %v for a broken one; %d told, want 3", rows, want, told)
	}
	if black := make([]byte, n); !bytes.Equal(dst[n:2*n], black) || dst[3*n] != 3 {
		t.Errorf("the broken image is %v, and the whole one begins with %d", dst[n:2*n], dst[3*n])
	}
}

func TestTooManyBrokenImages(t *testing.T) {
	s := open(t, folder(t, 50, 3), StreamOptions{Canvas: picture.Canvas{Size: 6}})
	err := s.Fill(make([]uint8, 2*6*6*3), make([]data.Row, 2), []int{2, 3})
	if !errors.Is(err, data.ErrCorrupt) || !strings.Contains(err.Error(), "1 of 50 images are broken") {
		t.Errorf("error %v, want one image of 50 to be too many", err)
	}
	check(t, s, []int{2}, []int{2})
}

// Too many images that no decoder reads are refused before any is asked for, and nothing is left open; few are not, nor
// images by such names, nor those that a stream may leave black.
func TestTooManyUnreadImages(t *testing.T) {
	for name, test := range map[string]struct {
		extension, content string // "" is the image that is there
		unread             int
		blank, refused     bool
	}{
		"gif": {".gif", "GIF89a", 3, false, true}, "ppm": {".PPM", "P6 4 4 255 ", 3, false, true}, "pgm": {".pgm", "P5 4 4 255 ", 3, false, true},
		"few": {".gif", "GIF89a", 2, false, false}, "blank": {".gif", "GIF89a", 3, true, false}, "by name": {".gif", "", 3, false, false},
	} {
		dir := folder(t, 250)
		list := must.M1(Open(dir, "train", Options{}))
		for i := range test.unread {
			at := filepath.Join(dir, list.Name(7*i))
			if test.content != "" {
				must.M(os.WriteFile(at, []byte(test.content), 0o644))
			}
			must.M(os.Rename(at, strings.TrimSuffix(at, ".png")+test.extension))
		}
		told := 0
		s, err := NewStream(must.M1(Open(dir, "train", Options{})), StreamOptions{Canvas: picture.Canvas{Size: 6}, Blank: test.blank, Report: func(Broken) { told++ }})
		if refused := errors.Is(err, data.ErrUnread) && strings.Contains(err.Error(), "3 of 250 images cannot be read"); refused != test.refused || !refused && err != nil || told > 0 {
			t.Errorf("%s: error %v and %d told, want it refused: %t, and none told", name, err, told, test.refused)
		}
		if err == nil {
			must.M(s.Close())
		}
	}
}

// TestFillAtTheSameTime asks from more goroutines than there are workers.
func TestFillAtTheSameTime(t *testing.T) {
	s := open(t, folder(t, 40), StreamOptions{Canvas: picture.Canvas{Size: 6}, Workers: 2})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 20 {
				at := (5*g + i) % 40
				check(t, s, []int{at, 39 - at}, []int{at, 39 - at})
			}
		})
	}
	wg.Wait()
}

func TestNewStreamRefuses(t *testing.T) {
	for _, o := range []StreamOptions{{}, {Canvas: picture.Canvas{Size: 6}, Workers: -1}, {Canvas: picture.Canvas{Size: 6}, Library: "vlc"}} {
		if _, err := NewStream(must.M1(Open(folder(t, 2), "train", Options{})), o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}
