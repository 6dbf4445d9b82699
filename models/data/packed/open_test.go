package packed

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data"
)

func packedSet(t testing.TB, n int) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "set")
	must.M1(Pack(t.Context(), list(t, folder(t, n)), out, options()))
	return out
}

func TestOpenRefusesWhatIsNotWhole(t *testing.T) {
	edit := func(name string, change func([]byte) []byte) func(dir string) {
		return func(dir string) {
			at := filepath.Join(dir, name)
			must.M(os.WriteFile(at, change(must.M1(os.ReadFile(at))), 0o644))
		}
	}
	text := func(from, to string) func([]byte) []byte {
		return func(b []byte) []byte { return []byte(strings.Replace(string(b), from, to, 1)) }
	}
	for name, test := range map[string]struct {
		damage func(dir string)
		is     error
		want   string
	}{
		"no meta":        {func(dir string) { must.M(os.Remove(filepath.Join(dir, metaFile))) }, data.ErrMissing, "mocotpu data pack"},
		"no images":      {func(dir string) { must.M(os.Remove(filepath.Join(dir, imagesFile))) }, data.ErrCorrupt, imagesFile},
		"meta":           {edit(metaFile, func(b []byte) []byte { return b[:20] }), data.ErrCorrupt, metaFile},
		"unknown field":  {edit(metaFile, text(`"canvas"`, `"kanvas"`)), data.ErrCorrupt, "kanvas"},
		"newer format":   {edit(metaFile, text(`"format": 1`, `"format": 2`)), data.ErrCorrupt, "format 2, want 1"},
		"other count":    {edit(metaFile, text(`"count": 8`, `"count": 9`)), data.ErrCorrupt, "[8 12 12 3], want |u1 [9 12 12 3]"},
		"images cut":     {edit(imagesFile, func(b []byte) []byte { return b[:len(b)-1] }), data.ErrCorrupt, "bytes of elements"},
		"images longer":  {edit(imagesFile, func(b []byte) []byte { return append(b, 0) }), data.ErrCorrupt, "bytes of elements"},
		"no header":      {edit(aspectFile, func(b []byte) []byte { return make([]byte, len(b)) }), data.ErrCorrupt, "npy"},
		"other type":     {edit(aspectFile, text("<f4", "<i4")), data.ErrCorrupt, "want <f4"},
		"aspect of zero": {edit(aspectFile, func(b []byte) []byte { return append(b[:len(b)-4], 0, 0, 0, 0) }), data.ErrCorrupt, "aspect 0 at 7"},
		"label too high": {edit(labelsFile, func(b []byte) []byte { return append(b[:len(b)-4], 2, 0, 0, 0) }), data.ErrCorrupt, "label 2 at 7, want 0 to 1"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := packedSet(t, 8)
			must.M1(Open(dir)).Close()
			test.damage(dir)
			if _, err := Open(dir); !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %v that says %q", err, test.is, test.want)
			}
		})
	}
}

func TestVerifyFindsAChangedByte(t *testing.T) {
	for _, name := range []string{imagesFile, aspectFile, labelsFile} {
		dir := packedSet(t, 8)
		must.M1(Verify(t.Context(), dir))
		at := filepath.Join(dir, name)
		b := must.M1(os.ReadFile(at))
		b[len(b)-4] ^= 1
		must.M(os.WriteFile(at, b, 0o644))
		if _, err := Verify(t.Context(), dir); !errors.Is(err, ErrChecksum) || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want ErrChecksum for %s", err, name)
		}
	}
}

// TestSplits has Verify be told of what pack wrote, however it ended.
func TestSplits(t *testing.T) {
	one := packedSet(t, 8)
	out := t.TempDir()
	if _, err := Splits(out); !errors.Is(err, data.ErrMissing) {
		t.Errorf("of an empty folder: error %v, want data.ErrMissing", err)
	}
	must.M(os.CopyFS(filepath.Join(out, "train"), os.DirFS(one)))
	must.M(os.Mkdir(filepath.Join(out, "val"), 0o755)) // its files are lost
	for dir, want := range map[string][]string{one: {one}, out: {filepath.Join(out, "train"), filepath.Join(out, "val")}} {
		if got, err := Splits(dir); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, error %v, want %v", got, err, want)
		}
	}
	must.M(os.Mkdir(filepath.Join(out, "val"+partSuffix), 0o755))
	if _, err := Splits(out); !errors.Is(err, data.ErrMissing) || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("beside an unfinished split: error %v, want data.ErrMissing", err)
	}
}

// TestVerifyWantsEveryChecksum has no array pass because meta.json does not speak of it.
func TestVerifyWantsEveryChecksum(t *testing.T) {
	for _, name := range []string{imagesFile, aspectFile, labelsFile} {
		dir := packedSet(t, 8)
		at := filepath.Join(dir, metaFile)
		must.M(os.WriteFile(at, []byte(strings.Replace(string(must.M1(os.ReadFile(at))), name, "other.npy", 1)), 0o644))
		if _, err := Verify(t.Context(), dir); !errors.Is(err, data.ErrCorrupt) || !strings.Contains(err.Error(), "no checksum of "+name) {
			t.Errorf("error %v, want data.ErrCorrupt that names %s", err, name)
		}
	}
}

// TestFileCutWhileMapped is what would end a process without SetPanicOnFault.
func TestFileCutWhileMapped(t *testing.T) {
	dir := packedSet(t, 200)
	s := must.M1(Open(dir))
	defer s.Close()
	dst, rows := make([]uint8, 2*s.Info().ImageLen()), make([]data.Row, 2)
	must.M(s.Fill(dst, rows, []int{0, 199}))
	must.M(os.Truncate(filepath.Join(dir, imagesFile), 4096))
	err := s.Fill(dst, rows, []int{0, 199})
	if err == nil || !strings.Contains(err.Error(), "was one cut") {
		t.Errorf("error %v, want one about the file", err)
	}
}

// Prefetching changes nothing of what is read.
func TestPrefetchTakesAnyImage(t *testing.T) {
	s := must.M1(Open(packedSet(t, 20)))
	defer s.Close()
	var got [2][]uint8
	for i := range got {
		got[i] = make([]uint8, 4*s.Info().ImageLen())
		must.M(s.Fill(got[i], make([]data.Row, 4), []int{0, 19, 7, 7}))
		s.Prefetch([]int{0, 19, 7, 7})
	}
	if !slices.Equal(got[0], got[1]) {
		t.Error("the images are others once they were prefetched")
	}
}

// BenchmarkFill copies a batch of 256 images of 256 pixels from a mapped set that is in the page cache.
func BenchmarkFill(b *testing.B) {
	o := options()
	o.Canvas, o.perChunk = 256, 0
	out := filepath.Join(b.TempDir(), "set")
	must.M1(Pack(b.Context(), list(b, folder(b, 1024)), out, o))
	s := must.M1(Open(out))
	defer s.Close()
	const batch = 256
	dst, rows := make([]uint8, batch*s.Info().ImageLen()), make([]data.Row, batch)
	order := data.Order(0, 0, s.Info().N)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	at := 0
	for b.Loop() {
		if err := s.Fill(dst, rows, order[at:at+batch]); err != nil {
			b.Fatal(err)
		}
		at = (at + batch) % len(order)
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "images/s")
}

// BenchmarkPack packs small images: the cost of everything but decoding large ones.
func BenchmarkPack(b *testing.B) {
	l := list(b, folder(b, 512))
	o := options()
	o.Canvas, o.perChunk = 256, 0
	for b.Loop() {
		must.M1(Pack(b.Context(), l, filepath.Join(b.TempDir(), "set"), o))
	}
	b.ReportMetric(float64(b.N*l.Len())/b.Elapsed().Seconds(), "images/s")
}
