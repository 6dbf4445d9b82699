package packed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/picture"
)

// folder makes class folders of n small images, every third a PNG, those in broken cut short.
func folder(t testing.TB, n int, broken ...int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		class := filepath.Join(dir, fmt.Sprintf("class %d", i%2))
		must.M(os.MkdirAll(class, 0o755))
		m := image.NewRGBA(image.Rect(0, 0, 20+i%7, 15+i%5))
		for p := range m.Bounds().Dx() * m.Bounds().Dy() {
			m.SetRGBA(p%m.Bounds().Dx(), p/m.Bounds().Dx(), color.RGBA{uint8(5 * i), uint8(3 * p), uint8(p * i), 255})
		}
		var b bytes.Buffer
		name := filepath.Join(class, fmt.Sprintf("%03d.jpg", i))
		if i%3 == 0 {
			name = strings.Replace(name, ".jpg", ".png", 1)
			must.M(png.Encode(&b, m))
		} else {
			must.M(jpeg.Encode(&b, m, nil))
		}
		file := b.Bytes()
		for _, cut := range broken {
			if cut == i {
				file = file[:len(file)/2]
			}
		}
		must.M(os.WriteFile(name, file, 0o644))
	}
	return dir
}

func list(t testing.TB, dir string) *files.List {
	t.Helper()
	l := must.M1(files.Open(dir, "train", files.Options{}))
	t.Cleanup(func() { must.M(l.Close()) })
	return l
}

const canvas = 12

func options() Options {
	return Options{Canvas: canvas, Library: picture.Go, Workers: 2, perChunk: 16}
}

// contents returns the files below a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, e := range must.M1(os.ReadDir(dir)) {
		all[e.Name()] = string(must.M1(os.ReadFile(filepath.Join(dir, e.Name()))))
	}
	return all
}

func TestPackKeepsWhatTheListHolds(t *testing.T) {
	const n = 150
	l := list(t, folder(t, n, 17))
	out := filepath.Join(t.TempDir(), "set")
	var reported []files.Broken
	o := options()
	o.Broken = func(b files.Broken) { reported = append(reported, b) }
	var done []int
	o.Progress = func(at, total int) { done = append(done, at, total) }
	meta, err := Pack(t.Context(), l, out, o)
	if err != nil {
		t.Fatal(err)
	}
	if meta.Count != n-1 || len(meta.Broken) != 1 || meta.Broken[0].Name != "class 1/017.jpg" || !reflect.DeepEqual(meta.Broken, reported) {
		t.Errorf("%d images, broken %v, reported %v, want %d and class 1/017.jpg", meta.Count, meta.Broken, reported, n-1)
	}
	if last := done[len(done)-2:]; last[0] != n || last[1] != n {
		t.Errorf("progress ended with %v, want all %d", last, n)
	}
	s := must.M1(Open(out))
	defer s.Close()
	d := must.M1(picture.NewDecoder(picture.Canvas{Size: canvas}, picture.Go))
	row := 0
	got, want := make([]uint8, 3*canvas*canvas), make([]uint8, 3*canvas*canvas)
	rows := make([]data.Row, 1)
	for i := range n {
		aspect, err := d.Squeeze(want, must.M1(l.Read(i, nil)))
		if err != nil {
			continue
		}
		must.M(s.Fill(got, rows, []int{row}))
		if !bytes.Equal(got, want) || rows[0] != (data.Row{Aspect: aspect, Label: l.Label(i)}) {
			t.Fatalf("row %d, %v, is not image %d, %s of aspect %v and class %d", row, rows[0], i, l.Name(i), aspect, l.Label(i))
		}
		row++
	}
	if row != s.Info().N || !reflect.DeepEqual(s.Info().Classes, []string{"class 0", "class 1"}) {
		t.Errorf("%d images of classes %v, want %d of class 0 and class 1", s.Info().N, s.Info().Classes, row)
	}
	if _, err := os.Stat(out + partSuffix); !os.IsNotExist(err) {
		t.Errorf("the folder it was made in is still there: %v", err)
	}
	if _, err := Verify(t.Context(), out); err != nil {
		t.Error(err)
	}
}

// TestMain lets the test binary be a process that packs and is killed before the n-th change of the disk.
func TestMain(m *testing.M) {
	if at, ok := os.LookupEnv("PACK_AND_DIE_AT"); ok {
		packAndDie(must.M1(strconv.Atoi(at)), os.Args[len(os.Args)-2], os.Args[len(os.Args)-1])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func packAndDie(at int, dir, out string) {
	o := options()
	o.before = func(string) {
		if at--; at < 0 {
			must.M(syscall.Kill(os.Getpid(), syscall.SIGKILL))
			select {}
		}
	}
	must.M1(Pack(context.Background(), must.M1(files.Open(dir, "train", files.Options{})), out, o))
}

// TestKillAtAnyTime kills a packing process before every change of the disk, one after the other, goes on each time, and compares the bytes.
func TestKillAtAnyTime(t *testing.T) {
	dir := folder(t, 130, 40)
	undisturbed := filepath.Join(t.TempDir(), "set")
	must.M1(Pack(t.Context(), list(t, dir), undisturbed, options()))
	want := contents(t, undisturbed)
	if len(want) != 4 {
		t.Fatalf("a packed set has files %d, want 4", len(want))
	}
	kills := 0
	for at := 0; ; at++ {
		out := filepath.Join(t.TempDir(), "set")
		c := exec.Command(must.M1(os.Executable()), dir, out)
		c.Env = append(os.Environ(), "PACK_AND_DIE_AT="+strconv.Itoa(at))
		err := c.Run()
		if err == nil {
			break // more changes than there are
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the process ended with %v, want the kill", err)
		}
		kills++
		must.M1(Pack(t.Context(), list(t, dir), out, options()))
		if !reflect.DeepEqual(contents(t, out), want) {
			t.Fatalf("killed before change %d of the disk, then packed again: other bytes than an undisturbed run's", at)
		}
		if _, err := os.Stat(out + partSuffix); !os.IsNotExist(err) {
			t.Errorf("killed before change %d of the disk, then packed again: %s is left", at, out+partSuffix)
		}
	}
	// 9 chunks of 3 arrays and a journal; 3 headers; meta, rename, remove.
	if kills != 9*4+6 {
		t.Errorf("killed %d times, want %d", kills, 9*4+6)
	}
}

// TestKillTwice kills, goes on, kills again further on, and goes on: the journal of a resumed run is as good as the first.
func TestKillTwice(t *testing.T) {
	dir := folder(t, 130, 40)
	undisturbed, out := filepath.Join(t.TempDir(), "set"), filepath.Join(t.TempDir(), "set")
	must.M1(Pack(t.Context(), list(t, dir), undisturbed, options()))
	for _, at := range []string{"10", "13"} {
		c := exec.Command(must.M1(os.Executable()), dir, out)
		c.Env = append(os.Environ(), "PACK_AND_DIE_AT="+at)
		if c.Run() == nil {
			t.Fatal("the process was not killed")
		}
	}
	var notes []string
	o := options()
	o.Note = func(text string) { notes = append(notes, text) }
	must.M1(Pack(t.Context(), list(t, dir), out, o))
	if !reflect.DeepEqual(contents(t, out), contents(t, undisturbed)) {
		t.Error("other bytes than an undisturbed run's")
	}
	if len(notes) != 1 || notes[0] != "going on from image 80 of 130" {
		t.Errorf("notes %q, want where it goes on: after 2 and 3 chunks of 16", notes)
	}
}

func TestInterruptedAndChanged(t *testing.T) {
	dir := folder(t, 60)
	out := filepath.Join(t.TempDir(), "set")
	ctx, cancel := context.WithCancel(t.Context())
	o := options()
	o.Progress = func(done, _ int) { cancel() }
	_, err := Pack(ctx, list(t, dir), out, o)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the same command goes on") {
		t.Fatalf("error %v, want the interruption and how to go on", err)
	}
	must.M(os.Remove(filepath.Join(dir, "class 0", "000.png")))
	var notes []string
	o = options()
	o.Note = func(text string) { notes = append(notes, text) }
	if _, err := Pack(t.Context(), list(t, dir), out, o); err != nil {
		t.Fatal(err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "starting over") {
		t.Errorf("notes %q, want that another set starts over", notes)
	}
	if s := must.M1(Open(out)); s.Info().N != 59 {
		t.Errorf("%d images, want 59", s.Info().N)
	}
}

func TestPackRefuses(t *testing.T) {
	dir := folder(t, 30)
	out := filepath.Join(t.TempDir(), "set")
	must.M1(Pack(t.Context(), list(t, dir), out, options()))
	if _, err := Pack(t.Context(), list(t, dir), out, options()); err != nil {
		t.Errorf("error %v, want none for a set that is already there", err)
	}
	o := options()
	o.Canvas = 13
	if _, err := Pack(t.Context(), list(t, dir), out, o); !errors.Is(err, ErrExists) {
		t.Errorf("error %v, want ErrExists for another canvas", err)
	}
	taken := t.TempDir()
	if _, err := Pack(t.Context(), list(t, dir), taken, options()); !errors.Is(err, ErrExists) {
		t.Errorf("error %v, want ErrExists for a folder of something else", err)
	}
	o.Canvas = 1 << 22
	if _, err := Pack(t.Context(), list(t, dir), filepath.Join(t.TempDir(), "set"), o); !errors.Is(err, ErrDiskSpace) {
		t.Errorf("error %v, want ErrDiskSpace before any work", err)
	}
	broken := list(t, folder(t, 30, 3, 4, 5))
	where := filepath.Join(t.TempDir(), "set")
	_, err := Pack(t.Context(), broken, where, options())
	if !errors.Is(err, data.ErrCorrupt) || !strings.Contains(err.Error(), "of 30 images are broken") {
		t.Errorf("error %v, want too many broken images", err)
	}
	if Is(where) {
		t.Error("a set of broken images was packed nevertheless")
	}
}

// TestPackSplitLeavesOthersAlone refuses a folder with anything of the user's, which a reader of the packed splits would pass
// over, and goes on in one that PackSplit made, finished or not.
func TestPackSplitLeavesOthersAlone(t *testing.T) {
	dir := folder(t, 30)
	pack := func(ctx context.Context, out string) error {
		_, _, err := PackSplit(ctx, dir, out, "train", files.Options{}, options())
		return err
	}
	for _, name := range []string{"a.png", "val/n01/a.png", "train/a.png", "photos/"} {
		out := t.TempDir()
		must.M(os.MkdirAll(filepath.Join(out, filepath.Dir(name)), 0o755))
		if !strings.HasSuffix(name, "/") {
			must.M(os.WriteFile(filepath.Join(out, name), nil, 0o644))
		}
		first, _, _ := strings.Cut(name, "/")
		if err := pack(t.Context(), out); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), "it holds "+first+",") {
			t.Errorf("of a folder with %s: error %v, want ErrExists that names it", name, err)
		}
		if n := len(must.M1(os.ReadDir(out))); n != 1 {
			t.Errorf("%d entries in the folder, want the user's alone", n)
		}
	}
	out := t.TempDir()
	must.M(os.WriteFile(filepath.Join(out, ".DS_Store"), nil, 0o644))
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pack(stopped, out); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want the interruption", err)
	}
	must.M1(os.Stat(filepath.Join(out, "train"+partSuffix)))
	for range 2 {
		if err := pack(t.Context(), out); err != nil {
			t.Errorf("in a folder that it made itself: error %v, want none", err)
		}
	}
}

func TestOnlyOnePacks(t *testing.T) {
	dir := folder(t, 60)
	out := filepath.Join(t.TempDir(), "set")
	o := options()
	var second error
	once := false
	o.Progress = func(int, int) {
		if !once {
			once = true
			_, second = Pack(t.Context(), list(t, dir), out, options())
		}
	}
	if _, err := Pack(t.Context(), list(t, dir), out, o); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(second, ErrBusy) {
		t.Errorf("a second Pack at the same time: error %v, want ErrBusy", second)
	}
}
