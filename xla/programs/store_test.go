package programs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/programs"
)

// newStore returns a store in a folder that is not there yet.
func newStore(t *testing.T) *programs.Store {
	t.Helper()
	return &programs.Store{Dir: filepath.Join(t.TempDir(), "cache", "programs")}
}

// names lists a store's folder.
func names(t *testing.T, s *programs.Store) string {
	t.Helper()
	var all []string
	for _, e := range must.M1(os.ReadDir(s.Dir)) {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// file is where a program lies.
func file(s *programs.Store, key string) string { return filepath.Join(s.Dir, key+".mocotpu-program") }

// TestPutGet: what was stored comes back, also an empty program, and only the user can read or write the files.
func TestPutGet(t *testing.T) {
	s := newStore(t)
	if _, err := s.Get("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before anything is stored: got %v, want fs.ErrNotExist", err)
	}
	want := map[string][]byte{"a": []byte("first"), "b": {}, "c": bytes.Repeat([]byte{1, 2, 3}, 100_000)}
	for key, program := range want {
		must.M(s.Put(key, []byte("an older one")))
		must.M(s.Put(key, program))
	}
	for key, program := range want {
		if got, err := s.Get(key); err != nil || !bytes.Equal(got, program) {
			t.Errorf("%s: got %d bytes, %v, want %d", key, len(got), err, len(program))
		}
		if mode := must.M1(os.Stat(file(s, key))).Mode(); mode != 0o600 {
			t.Errorf("%s: mode %s, want it readable by the user alone", key, mode)
		}
	}
	if _, err := s.Get("d"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another key: got %v, want fs.ErrNotExist", err)
	}
	if mode := must.M1(os.Stat(s.Dir)).Mode().Perm(); mode != 0o700 {
		t.Errorf("folder: mode %s, want 0700", mode)
	}
	if got := names(t, s); got != "a.mocotpu-program b.mocotpu-program c.mocotpu-program" {
		t.Errorf("folder holds %s", got)
	}
}

// TestDamaged: a file that is cut short, longer, changed in any byte, or another program's is no program.
func TestDamaged(t *testing.T) {
	s := newStore(t)
	must.M(s.Put("other", []byte("another program")))
	must.M(s.Put("key", []byte("the program")))
	whole := must.M1(os.ReadFile(file(s, "key")))
	broken := map[string][]byte{"another program's": must.M1(os.ReadFile(file(s, "other"))), "longer": append(bytes.Clone(whole), 0)}
	for i := range whole {
		broken[fmt.Sprintf("cut to %d", i)] = whole[:i]
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1 << (i % 8)
		broken[fmt.Sprintf("bit flipped in %d", i)] = flipped
	}
	for name, content := range broken {
		must.M(os.WriteFile(file(s, "key"), content, 0o600))
		if got, err := s.Get("key"); !errors.Is(err, programs.ErrDamaged) || got != nil || !strings.Contains(err.Error(), file(s, "key")) {
			t.Errorf("%s: got %q, %v, want ErrDamaged with the file's name", name, got, err)
		}
	}
	must.M(s.Put("key", []byte("the program")))
	if _, err := s.Get("key"); err != nil {
		t.Errorf("stored again: %v", err)
	}
	must.M(os.Remove(file(s, "key")))
	must.M(os.Mkdir(file(s, "key"), 0o700))
	if _, err := s.Get("key"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder in its place: got %v, want an error", err)
	}
	if err := s.Put("key", nil); err == nil {
		t.Error("a folder in its place can be written over")
	}
}

// TestBounded: the programs not used for the longest time go, never the newest; one that is too big is refused.
func TestBounded(t *testing.T) {
	s := newStore(t)
	program := make([]byte, 1000)
	must.M(s.Put("size", program))
	s.Limit = 3 * must.M1(os.Stat(file(s, "size"))).Size()
	must.M(os.Remove(file(s, "size")))
	for i, key := range []string{"a", "b", "c"} {
		must.M(s.Put(key, program))
		then := time.Now().Add(time.Duration(i-10) * time.Minute)
		must.M(os.Chtimes(file(s, key), then, then))
	}
	must.M1(s.Get("a")) // used now: b is the oldest
	for _, step := range []struct{ put, want string }{
		{"d", "a.mocotpu-program c.mocotpu-program d.mocotpu-program"},
		{"e", "a.mocotpu-program d.mocotpu-program e.mocotpu-program"},
	} {
		must.M(s.Put(step.put, program))
		if got := names(t, s); got != step.want {
			t.Errorf("after %s: got %s, want %s", step.put, got, step.want)
		}
	}
	if err := s.Put("big", make([]byte, s.Limit)); err == nil || names(t, s) != "a.mocotpu-program d.mocotpu-program e.mocotpu-program" {
		t.Errorf("a program of the limit's size: %v, and there are %s; want it refused", err, names(t, s))
	}
	s.Limit = 1100
	must.M(s.Put("f", program))
	if got := names(t, s); got != "f.mocotpu-program" {
		t.Errorf("room for one: got %s", got)
	}
}

// TestUsageAndClear: only programs count and go; what dead writers left goes with the next Put.
func TestUsageAndClear(t *testing.T) {
	s := newStore(t)
	if u, err := s.Usage(); err != nil || u != (programs.Usage{}) {
		t.Errorf("no folder: got %+v, %v", u, err)
	}
	if u, err := s.Clear(); err != nil || u != (programs.Usage{}) {
		t.Errorf("no folder cleared: got %+v, %v", u, err)
	}
	must.M(s.Put("a", make([]byte, 500)))
	must.M(s.Put("b", make([]byte, 700)))
	abandoned, busy := filepath.Join(s.Dir, "1.mocotpu-program.tmp"), filepath.Join(s.Dir, "2.mocotpu-program.tmp")
	for _, name := range []string{abandoned, busy, filepath.Join(s.Dir, "mine.tmp")} {
		must.M(os.WriteFile(name, []byte("text"), 0o600))
	}
	long := time.Now().Add(-2 * time.Hour)
	must.M(os.Chtimes(abandoned, long, long))
	must.M(os.Chtimes(filepath.Join(s.Dir, "mine.tmp"), long, long))
	size := must.M1(os.Stat(file(s, "a"))).Size() + must.M1(os.Stat(file(s, "b"))).Size()
	if u, err := s.Usage(); err != nil || u != (programs.Usage{Programs: 2, Bytes: size}) {
		t.Errorf("got %+v, %v, want 2 programs of %d bytes", u, err, size)
	}
	must.M(s.Put("b", make([]byte, 700)))
	if got := names(t, s); got != "2.mocotpu-program.tmp a.mocotpu-program b.mocotpu-program mine.tmp" {
		t.Errorf("after a Put: got %s", got)
	}
	if u, err := s.Clear(); err != nil || u != (programs.Usage{Programs: 2, Bytes: size}) || names(t, s) != "2.mocotpu-program.tmp mine.tmp" {
		t.Errorf("cleared %+v, %v and left %s, want 2 programs of %d bytes gone", u, err, names(t, s), size)
	}
}

// TestUnsafeFolder: what others may have written is not run.
func TestUnsafeFolder(t *testing.T) {
	s := newStore(t)
	must.M(s.Put("a", []byte("program")))
	for _, mode := range []os.FileMode{0o720, 0o702, 0o777} {
		must.M(os.Chmod(s.Dir, mode))
		if _, err := s.Get("a"); !errors.Is(err, programs.ErrUnsafe) {
			t.Errorf("%s: Get: got %v, want ErrUnsafe", mode, err)
		}
		if err := s.Put("b", nil); !errors.Is(err, programs.ErrUnsafe) {
			t.Errorf("%s: Put: got %v, want ErrUnsafe", mode, err)
		}
	}
	must.M(os.Chmod(s.Dir, 0o755))
	if _, err := s.Get("a"); err != nil {
		t.Errorf("a folder that others may only read: %v", err)
	}
	if os.Geteuid() == 0 {
		must.M(os.Chown(s.Dir, 65534, -1))
		if _, err := s.Get("a"); !errors.Is(err, programs.ErrUnsafe) || !strings.Contains(err.Error(), "belongs to user 65534") {
			t.Errorf("another user's folder: got %v, want ErrUnsafe", err)
		}
	}
}

// TestNoRoom: a disk that is full leaves what was there, and nothing half written. The limit of a file's size stands for
// it: one above what go test itself writes meanwhile, into a file that says what was opened.
func TestNoRoom(t *testing.T) {
	s := newStore(t)
	must.M(s.Put("a", []byte("program")))
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var before syscall.Rlimit
	must.M(syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	must.M(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: before.Max}))
	err := s.Put("a", make([]byte, 2<<20))
	must.M(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before))
	if !errors.Is(err, syscall.EFBIG) {
		t.Errorf("got %v, want EFBIG", err)
	}
	if got, err := s.Get("a"); err != nil || string(got) != "program" || names(t, s) != "a.mocotpu-program" {
		t.Errorf("got %q, %v, and %s in the folder", got, err, names(t, s))
	}
	below := &programs.Store{Dir: filepath.Join(file(s, "a"), "below")}
	if err := below.Put("a", nil); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a folder that can't be made: got %v", err)
	}
}

// TestAtOnce: writers of one program don't disturb each other or readers.
func TestAtOnce(t *testing.T) {
	s := newStore(t)
	program := bytes.Repeat([]byte("program"), 10_000)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 10 {
				if err := s.Put("a", program); err != nil {
					t.Error(err)
				}
				if got, err := s.Get("a"); err != nil || !bytes.Equal(got, program) {
					t.Errorf("got %d bytes, %v", len(got), err)
				}
			}
		})
	}
	wait.Wait()
	if got := names(t, s); got != "a.mocotpu-program" {
		t.Errorf("folder holds %s", got)
	}
}

// TestTell: one error is passed on, however many there are.
func TestTell(t *testing.T) {
	var told []error
	s := &programs.Store{Told: func(err error) { told = append(told, err) }}
	s.Tell(fs.ErrClosed)
	s.Tell(fs.ErrExist)
	if len(told) != 1 || told[0] != fs.ErrClosed {
		t.Errorf("told %v, want the first error", told)
	}
	(&programs.Store{}).Tell(fs.ErrExist) // nobody listens
}

// TestKey: parts and kinds are kept apart.
func TestKey(t *testing.T) {
	seen := map[string]string{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"b", "a"}, {"a", "b", ""}, {"1 a"}} {
		for _, kind := range []programs.Kind{programs.Running, programs.Ahead} {
			key := programs.Key(kind, parts...)
			if before, ok := seen[key]; ok || len(key) != 64 || key != programs.Key(kind, parts...) {
				t.Errorf("%s %q: key %s, that of %s", kind, parts, key, before)
			}
			seen[key] = fmt.Sprintf("%s %q", kind, parts)
		}
	}
}

// TestDefault: the variable names the folder, or switches it off.
func TestDefault(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	for _, test := range []struct{ variable, want string }{
		{"", filepath.Join(cache, "mocotpu", "programs")},
		{cache + "/mine", cache + "/mine"},
		{"mine", filepath.Join(must.M1(os.Getwd()), "mine")},
	} {
		t.Setenv(programs.Variable, test.variable)
		if s, err := programs.Default(); err != nil || s.Dir != test.want {
			t.Errorf("%q: got %+v, %v, want %s", test.variable, s, err, test.want)
		}
	}
	t.Setenv(programs.Variable, programs.Off)
	if s, err := programs.Default(); s != nil || err != nil {
		t.Errorf("off: got %+v, %v", s, err)
	}
	t.Setenv(programs.Variable, "")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	if _, err := programs.Default(); err == nil || !strings.Contains(err.Error(), programs.Variable) {
		t.Errorf("no home: got %v, want the variable's name", err)
	}
}
