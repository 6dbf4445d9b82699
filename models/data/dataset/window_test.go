package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
	"golang.org/x/image/tiff"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

const deepSide = 32

// putDeep writes an image of 32 x 32 pixels whose 16-bit samples are from, from+step and so on, row by row.
func putDeep(path string, from, step int) {
	m := image.NewGray16(image.Rect(0, 0, deepSide, deepSide))
	for i := range deepSide * deepSide {
		m.SetGray16(i%deepSide, i/deepSide, color.Gray16{Y: uint16(from + i*step)})
	}
	must.M(os.MkdirAll(filepath.Dir(path), 0o755))
	var b bytes.Buffer
	must.M(png.Encode(&b, m))
	must.M(os.WriteFile(path, b.Bytes(), 0o644))
}

// deepFolder has 100 training images whose samples are 1000 to 2023, each once, and a brighter test image.
func deepFolder(t *testing.T) string {
	dir := t.TempDir()
	for i := range 100 {
		putDeep(filepath.Join(dir, "train", "ab"[i%2:i%2+1], string(rune('A'+i/2))+".png"), 1000, 1)
	}
	putDeep(filepath.Join(dir, "val", "a", "A.png"), 2000, 3)
	putDeep(filepath.Join(dir, "val", "b", "B.png"), 2000, 3)
	return dir
}

// first is image 0 of a source, and the channels it has.
func first(t *testing.T, source data.Source) []uint8 {
	t.Helper()
	pixels := make([]uint8, source.Info().ImageLen())
	must.M(source.Fill(pixels, make([]data.Row, 1), []int{0}))
	return pixels
}

// Percentiles are those of the training images' samples, and the window that they make is the same for both splits, for a
// packed set, and for settings that have its numbers.
func TestWindow(t *testing.T) {
	c := Config{Kind: "folder", Dir: deepFolder(t), Canvas: deepSide, Channels: 1, Window: "1%,99%"}
	must.M(c.Validate())
	m := must.M1(c.Measured())
	if m.Window != "1010,2013" { // the eleventh and the 1014th of 1024 samples
		t.Fatalf("window %q, want 1010,2013", m.Window)
	}
	for split, sample := range map[string]func(i int) int{"train": func(i int) int { return 1000 + i }, "test": func(i int) int { return 2000 + 3*i }} {
		given, measured := must.M1(c.Source(split, nil)), must.M1(m.Source(split, nil))
		got := first(t, measured)
		if !bytes.Equal(got, first(t, given)) || len(got) != deepSide*deepSide {
			t.Errorf("%s: %d pixels, or others by the percentiles than by the numbers", split, len(got))
		}
		for i, level := range got {
			want := 255 * (float64(sample(i)) - 1010) / (2013 - 1010)
			if want = min(max(want, 0), 255); float64(level) < want-0.5 || float64(level) > want+0.5 {
				t.Fatalf("%s: sample %d became %d, want %.2f", split, sample(i), level, want)
			}
		}
		if notes := append(Notes(given), Notes(measured)...); len(notes) > 0 {
			t.Errorf("notes %q, want none with a window", notes)
		}
		must.M(errors.Join(given.Close(), measured.Close()))
	}

	plain := m
	plain.Window, plain.TrainImages = "", 50
	whole := must.M1(plain.Source("train", nil))
	if notes := Notes(whole); len(notes) != 1 || !strings.Contains(notes[0], "--window=LOW,HIGH") {
		t.Errorf("notes %q, want one that names --window", notes)
	}
	if got := first(t, whole); got[0] != 4 || got[deepSide*deepSide-1] != 8 { // 1000/257, 2023/257
		t.Errorf("levels %d and %d, want 4 and 8", got[0], got[deepSide*deepSide-1])
	}
	plain.TrainImages, plain.Channels = 0, 3
	window := must.M1(m.Source("train", nil))
	if must.M1(whole.Fingerprint()) == must.M1(window.Fingerprint()) || must.M1(must.M1(plain.Source("train", nil)).Fingerprint()) == must.M1(window.Fingerprint()) {
		t.Error("other pixels have the same fingerprint")
	}

	out := filepath.Join(t.TempDir(), "packed")
	options := packed.Options{Canvas: deepSide, Channels: 1, Window: must.M1(picture.ParseWindow(m.Window))}
	for _, split := range []string{"train", "test"} {
		_, _, err := packed.PackSplit(t.Context(), c.Dir, out, split, files.Options{}, options)
		must.M(err)
	}
	other := options
	other.Window.High++
	if _, _, err := packed.PackSplit(t.Context(), c.Dir, out, "train", files.Options{}, other); !errors.Is(err, packed.ErrExists) || !strings.Contains(err.Error(), "1 channel, window 1010,2013") {
		t.Errorf("packing in another window: error %v, want what is there", err)
	}
	p := must.M1(Config{Kind: "folder"}.With(out, ""))
	if p.Channels != 1 || p.Window != m.Window {
		t.Errorf("of a packed set %+v, want its channels and window", p)
	}
	if got := must.M1(p.Source("test", nil)); !bytes.Equal(first(t, got), first(t, must.M1(m.Source("test", nil)))) {
		t.Error("packed images differ from the files")
	}
	p.Unlabeled = true
	bare := must.M1(p.Source("train", nil))
	rows := []data.Row{{Label: 7}}
	must.M(bare.Fill(make([]uint8, bare.Info().ImageLen()), rows, []int{0}))
	if i := bare.Info(); i.N != 100 || i.Labels != nil || i.Classes != nil || rows[0].Label != -1 {
		t.Errorf("without classes %d images of classes %v, row %+v, want 100 of none", i.N, i.Classes, rows[0])
	}
	p.Unlabeled = false
	if i := must.M1(p.Source("train", nil)).Info(); i.Labels == nil || len(i.Classes) != 2 {
		t.Errorf("classes %v, want both", i.Classes)
	}
	p.Window = ""
	if taken := must.M1(p.Measured()); taken.Window != m.Window {
		t.Errorf("window %q, want the packed set's", taken.Window)
	}
	for want, change := range map[string]func(c *Config){
		`packed with window "1010,2013", want data.window, "5,7"`: func(c *Config) { c.Window = "5,7" },
		`want data.window, "1%,99%"`:                              func(c *Config) { c.Window = "1%,99%" },
		"packed with 1 channels, want data.channels, 3":           func(c *Config) { c.Channels = 0 },
	} {
		c := p
		change(&c)
		if _, err := c.Source("train", nil); !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// What percentiles can be of is said before anything trains.
func TestWindowRefuses(t *testing.T) {
	c := Config{Kind: "folder", Dir: t.TempDir(), Canvas: 8, Window: "1%,99%"}
	putDeep(filepath.Join(c.Dir, "flat.png"), 7, 0)
	if _, err := c.Measured(); !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), "are both 7") {
		t.Errorf("error %v, want the flat image", err)
	}
	must.M(os.Remove(filepath.Join(c.Dir, "flat.png")))
	var b bytes.Buffer
	must.M(png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 4))))
	must.M(os.WriteFile(filepath.Join(c.Dir, "bytes.png"), b.Bytes(), 0o644))
	if _, err := c.Measured(); !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), "of 1 training images looked at none has 16-bit samples") {
		t.Errorf("error %v, want that there are no such samples", err)
	}
	c.Window = "100,200"
	if _, err := c.Measured(); !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), "data.window is 100,200, which is for 16-bit samples, and of 1 training images") {
		t.Errorf("error %v, want that samples do nothing either", err)
	}
	if source, err := c.Source("train", nil); err != nil {
		t.Errorf("error %v, want none for an encoder's window, which its other images may need", err)
	} else {
		must.M(source.Close())
	}
	putDeep(filepath.Join(c.Dir, "deep.png"), 7, 1)
	if m, err := c.Measured(); err != nil || m.Window != c.Window {
		t.Errorf("window %q, error %v, want %s for a folder with 16-bit samples", m.Window, err, c.Window)
	}
	for _, window := range []string{"1%", "1%,99", "99%,1%", "1%,1%", "-1%,5%", "1%,101%", "a%,b%", "1%,2%,3%", "NaN%,5%"} {
		c.Window = window
		if err := c.Validate(); !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), "two percentiles") {
			t.Errorf("%s: error %v, want what a window is", window, err)
		}
	}
}

// The window that suits a list's 16-bit samples is that of percentiles 1 and 99, of wider ones where few samples are not
// alike, and none where all are, or there are none.
func TestStretch(t *testing.T) {
	stretch := func(dir string) string {
		l := must.M1(files.Open(dir, "train", files.Options{}))
		defer l.Close()
		return Stretch(l).String()
	}
	dir := deepFolder(t)
	if w := stretch(dir); w != must.M1(Config{Kind: "folder", Dir: dir, Canvas: deepSide, Window: "1%,99%"}.Measured()).Window || w == "" {
		t.Errorf("window %q, want that of 1%%,99%%", w)
	}
	sparse := image.NewGray16(image.Rect(0, 0, 32, 32))
	sparse.SetGray16(5, 5, color.Gray16{Y: 900})
	bytesOnly := image.NewGray(image.Rect(0, 0, 4, 4))
	for want, m := range map[string]image.Image{"0,900": sparse, "": bytesOnly} {
		dir := t.TempDir()
		var b bytes.Buffer
		must.M(png.Encode(&b, m))
		must.M(os.WriteFile(filepath.Join(dir, "a.png"), b.Bytes(), 0o644))
		if w := stretch(dir); w != want {
			t.Errorf("window %q, want %q", w, want)
		}
	}
	flat := t.TempDir()
	putDeep(filepath.Join(flat, "flat.png"), 7, 0)
	if w := stretch(flat); w != "" {
		t.Errorf("window %q of one sample, want none", w)
	}
}

// A set that has no 16-bit images wants no window, whatever it is: one problem, not two that contradict each other.
func TestWindowOfNoFolder(t *testing.T) {
	for _, window := range []string{"5,5", "1,2", "x"} {
		err := Config{Kind: "glyphs", Window: window}.Validate()
		var list *settings.Error
		if !errors.As(err, &list) || len(list.Problems) != 1 || !strings.Contains(err.Error(), "want none") {
			t.Errorf("%s: %v, want that none is wanted", window, err)
		}
	}
}

// TIFFs of several pages are told of once for a set, and for a part of it; those of one page are not.
func TestPagesNote(t *testing.T) {
	dir := t.TempDir()
	c := Config{Kind: "folder", Dir: dir, Canvas: 8}
	var b bytes.Buffer
	must.M(tiff.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 4)), nil))
	one := b.Bytes()
	for _, pages := range []int{1, 2} {
		file := bytes.Clone(one)
		if pages == 2 { // the directory stands at the end of the file: what follows it is a copy with an end of its own
			at := binary.LittleEndian.Uint32(one[4:])
			n := int(binary.LittleEndian.Uint16(one[at:]))
			end := int(at) + 2 + 12*n
			binary.LittleEndian.PutUint32(file[end:], uint32(len(file)))
			file = append(append(file, one[at:end]...), 0, 0, 0, 0)
		}
		for i := range 3 {
			must.M(os.WriteFile(filepath.Join(dir, string(rune('a'+i))+".tif"), file, 0o644))
		}
		for _, n := range []int{0, 2} {
			c.TrainImages = n
			source := must.M1(c.Source("train", nil))
			notes := Notes(source)
			if told := len(notes) == 1 && strings.Contains(notes[0], "TIFFs of several pages"); told != (pages == 2) || len(notes) > 1 {
				t.Errorf("%d pages, %d images: notes %q", pages, n, notes)
			}
			must.M(source.Close())
		}
	}
}

// Images that were passed over are told of for a set, a part of it, and a list.
func TestSkippedNote(t *testing.T) {
	dir := t.TempDir()
	putDeep(filepath.Join(dir, "a.png"), 7, 0)
	putDeep(filepath.Join(dir, "b.png"), 7, 0)
	must.M(os.WriteFile(filepath.Join(dir, "c.heic"), nil, 0o644))
	const want = "1 file of .heic is not read: convert it to JPEG or PNG"
	for _, n := range []int{0, 1} {
		source := must.M1(Config{Kind: "folder", Dir: dir, Canvas: 8, Window: "0,9", TrainImages: n}.Source("train", nil))
		if notes := Notes(source); !slices.Equal(notes, []string{want}) {
			t.Errorf("%d images: notes %q, want %q", n, notes, want)
		}
		must.M(source.Close())
	}
	if notes := Notes(must.M1(files.Paths([]string{dir}))); !slices.Equal(notes, []string{want}) {
		t.Errorf("a list: notes %q, want %q", notes, want)
	}
}
