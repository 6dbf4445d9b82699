package programs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/janpfeifer/must"
)

func newStore(t *testing.T) *Store {
	t.Helper()
	return &Store{Dir: filepath.Join(t.TempDir(), "programs")}
}

// TestClaim: of ten that want a program at once, one compiles it, and the others find it. Nothing but the program is left.
func TestClaim(t *testing.T) {
	s := newStore(t)
	var compiled atomic.Int32
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			got, release, err := s.GetOrClaim("a", nil)
			if release != nil {
				defer release()
				compiled.Add(1)
				if got, err = []byte("made"), s.Put("a", []byte("made")); err != nil {
					t.Error(err)
				}
			}
			if !bytes.Equal(got, []byte("made")) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	all.Wait()
	if n := compiled.Load(); n != 1 {
		t.Errorf("compiled %d times, want once", n)
	}
	if left := must.M1(os.ReadDir(s.Dir)); len(left) != 1 || left[0].Name() != "a"+suffix {
		t.Errorf("the folder has %v, want the program alone", left)
	}
}

// TestClaimInVain: where the one that compiles keeps nothing, those that waited compile side by side, without a claim.
func TestClaimInVain(t *testing.T) {
	before := claimTold
	claimTold = 0
	defer func() { claimTold = before }()
	s := newStore(t)
	_, release, _ := s.GetOrClaim("a", nil)
	var waiting, all sync.WaitGroup
	for range 3 {
		waiting.Add(1)
		all.Go(func() {
			if got, claim, err := s.GetOrClaim("a", waiting.Done); got != nil || claim != nil || !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %q, a claim %t, %v, want neither and that it is not there", got, claim != nil, err)
				if claim != nil {
					claim() // or the others wait for it
				}
			}
		})
	}
	waiting.Wait()
	release()
	all.Wait()
}

// TestClaimIsHeld: nobody else gets a claim that is held, also where its file is one that a dead process left long ago and
// other programs are stored meanwhile; another program's can be had.
func TestClaimIsHeld(t *testing.T) {
	s := newStore(t)
	must.M(s.Put("b", nil))
	name, old := filepath.Join(s.Dir, "a"+claimed), time.Now().Add(-2*staleAfter)
	must.M(os.WriteFile(name, nil, 0o600))
	must.M(os.Chtimes(name, old, old))
	_, release, err := s.GetOrClaim("a", nil)
	if release == nil || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no claim, %v", err)
	}
	must.M(s.Put("c", nil))
	if f, err := claim(name); f != nil || err != nil {
		t.Errorf("claimed twice, %v", err)
	}
	_, other, _ := s.GetOrClaim("d", nil)
	if other == nil {
		t.Error("another program is not to be had")
	}
	other()
	release()
	if f, err := claim(name); f == nil || err != nil {
		t.Errorf("not claimed after it was given back, %v", err)
	}
}

// TestClaimOfAnother: giving a claim back leaves the file of whoever has it now.
func TestClaimOfAnother(t *testing.T) {
	s := newStore(t)
	_, release, _ := s.GetOrClaim("a", nil)
	name := filepath.Join(s.Dir, "a"+claimed)
	must.M(os.Remove(name)) // as evict does after an hour
	_, mine, _ := s.GetOrClaim("a", nil)
	release()
	if f, err := claim(name); f != nil || err != nil {
		t.Errorf("claimed while another holds it, %v", err)
	}
	mine()
}

// TestClaimOfDamaged: what is damaged is compiled by one, too, and said to be damaged.
func TestClaimOfDamaged(t *testing.T) {
	s := newStore(t)
	must.M(s.Put("a", nil))
	must.M(os.WriteFile(s.path("a"), []byte("nonsense"), 0o600))
	_, release, err := s.GetOrClaim("a", nil)
	if release == nil || !errors.Is(err, ErrDamaged) {
		t.Fatalf("a claim %t, error %v, want both", release != nil, err)
	}
	release()
}

// TestClaimRefuses: in a folder of others nothing is claimed, nor where a claim's file cannot be made; neither waits.
func TestClaimRefuses(t *testing.T) {
	s := newStore(t)
	must.M(s.Put("a", nil))
	must.M(os.Mkdir(filepath.Join(s.Dir, "b"+claimed), 0o700))
	if _, release, err := s.GetOrClaim("b", nil); release != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a claim %t, error %v", release != nil, err)
	}
	must.M(os.Chmod(s.Dir, 0o777))
	if _, release, err := s.GetOrClaim("c", nil); release != nil || !errors.Is(err, ErrUnsafe) {
		t.Errorf("a claim %t, error %v, want ErrUnsafe", release != nil, err)
	}
}
