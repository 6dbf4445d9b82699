package programs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/programs"
)

// TestClaim: of ten that want a program at once, one compiles it, and the others find it. Nothing but the program is left.
func TestClaim(t *testing.T) {
	s := newStore(t)
	var compiled atomic.Int32
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			release, err := s.Claim("a", nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			got, err := s.Get("a")
			if errors.Is(err, fs.ErrNotExist) {
				compiled.Add(1)
				err = s.Put("a", []byte("made"))
				got = []byte("made")
			}
			if err != nil || !bytes.Equal(got, []byte("made")) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	all.Wait()
	if n := compiled.Load(); n != 1 {
		t.Errorf("compiled %d times, want once", n)
	}
	if left := names(t, s); left != "a.mocotpu-program" {
		t.Errorf("the folder has %s, want the program alone", left)
	}
}

// TestClaimOfTheDead: the claim of a process that has ended is nobody's, and another program's claim keeps nobody.
func TestClaimOfTheDead(t *testing.T) {
	s := newStore(t)
	must.M1(s.Claim("b", nil))
	must.M(os.WriteFile(filepath.Join(s.Dir, "a.claimed.mocotpu-program.tmp"), nil, 0o600))
	release := must.M1(s.Claim("a", nil))
	release()
}

// TestClaimRefuses: in a folder of others nothing is claimed, nor where a claim's file cannot be made; neither waits.
func TestClaimRefuses(t *testing.T) {
	s := newStore(t)
	must.M(s.Put("a", nil))
	must.M(os.Mkdir(filepath.Join(s.Dir, "b.claimed.mocotpu-program.tmp"), 0o700))
	if _, err := s.Claim("b", nil); err == nil || !strings.Contains(err.Error(), "b.claimed") {
		t.Errorf("error %v, want that a folder is in the way", err)
	}
	must.M(os.Chmod(s.Dir, 0o777))
	if _, err := s.Claim("a", nil); !errors.Is(err, programs.ErrUnsafe) {
		t.Errorf("error %v, want ErrUnsafe", err)
	}
}
