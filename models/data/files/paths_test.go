package files

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// Files come as they are named, whatever their ending, and folders with all images below them, in the order of the names.
func TestPaths(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"b/z.png", "b/deep/1.jpg", "b/notes.txt", "b/.hidden.jpg", "a.weird", "train/x/1.png", "empty/notes.txt"} {
		must.M(os.MkdirAll(filepath.Dir(name), 0o755))
		must.M(os.WriteFile(name, []byte(name), 0o644))
	}
	there := must.M1(filepath.Abs("b/z.png"))
	l := must.M1(Paths([]string{"b/z.png", "a.weird", "b", "./train", there}))
	var names []string
	for i := range l.Len() {
		names = append(names, l.Name(i))
		if l.Label(i) != -1 {
			t.Errorf("%s has label %d, want none", l.Name(i), l.Label(i))
		}
		if _, err := l.Read(i, nil); err != nil {
			t.Error(err)
		}
	}
	want := []string{"b/z.png", "a.weird", "b/deep/1.jpg", "b/z.png", "train/x/1.png", filepath.ToSlash(there)}
	if !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	for path, want := range map[string]error{"nowhere": data.ErrMissing, "empty": data.ErrMissing, "a.weird/x": syscall.ENOTDIR} {
		if _, err := Paths([]string{"b", path}); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", path, err, want)
		}
	}
	must.M(os.WriteFile("empty/train-images-idx3-ubyte", nil, 0o644))
	if _, err := Paths([]string{"empty"}); !errors.Is(err, data.ErrMissing) || !strings.Contains(err.Error(), "the files of mnist") {
		t.Errorf("the files of a set: error %v, want ErrMissing and the set's name", err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if _, err := Paths([]string{os.DevNull}); !errors.Is(err, regular.ErrIrregular) {
		t.Errorf("a device: error %v, want ErrIrregular", err)
	}
}
