package programs_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/programs"
)

// TestStatus: where they are and how many, and that they are gone when they are removed.
func TestStatus(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	store := &programs.Store{Dir: cache}
	must.M(store.Put("a", make([]byte, 1_500_000)))
	must.M(store.Put("b", make([]byte, 500_000)))
	tell := func(variable string, clear bool) string {
		t.Helper()
		t.Setenv(programs.Variable, variable)
		var out strings.Builder
		must.M(programs.WriteStatus(&out, clear))
		return out.String()
	}
	const most = "of at most 4.0 GB\n"
	for _, test := range []struct {
		variable string
		clear    bool
		want     string
	}{
		{cache, false, "2 compiled program(s) kept in " + cache + ": 2.0 MB " + most},
		{cache, true, "2 compiled program(s) removed, 2.0 MB\n0 compiled program(s) kept in " + cache + ": 0.0 MB " + most},
		{cache, false, "0 compiled program(s) kept in " + cache + ": 0.0 MB " + most},
		{programs.Off, true, "compiled programs are not kept: MOCOTPU_CACHE=off\n"},
	} {
		if got := tell(test.variable, test.clear); got != test.want {
			t.Errorf("MOCOTPU_CACHE=%s, clear %t: got %q, want %q", test.variable, test.clear, got, test.want)
		}
	}
}
