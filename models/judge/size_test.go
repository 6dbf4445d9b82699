package judge

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// imagenet is the search that the page of benchmarks has.
var imagenet = Size{Bank: 1_280_000, Queries: 50_000, Dim: 2048, K: 200}

// What a search takes is known beforehand; a bank is held once.
func TestSize(t *testing.T) {
	const bank, queries = 1_280_000 * 2048 * 4, 50_000 * 2048 * 4
	if got := imagenet.Features(); got != bank+queries {
		t.Errorf("features take %d bytes, want %d", got, bank+queries)
	}
	if got, want := imagenet.Working(), int64(2*queries+1_330_000*8+50_000*200*24+4096*2048*4*2+4096*256*4); got != want || got > bank/4 {
		t.Errorf("the search takes %d bytes, want %d, far less than a second bank", got, want)
	}
	if got := imagenet.Flops(); got != 2*1.28e6*5e4*2048 {
		t.Errorf("%g operations", got)
	}
	most := math.MaxInt
	if got := (Size{most, most, most, most}).Working(); got != math.MaxInt64 {
		t.Errorf("the largest search takes %d bytes, want it to be more than there is", got)
	}
}

// A search that does not fit is refused with a bank that would; that one fits.
func TestSizeCheck(t *testing.T) {
	const memory = 8 << 30
	err := imagenet.checkIn(memory)
	want := "the 200 nearest of 1280000 rows for 50000 queries, 2048 features each take 11.2 GiB (features 10.1 GiB, the search beside them 1.1 GiB), and this process may use 8.0 GiB: want a bank of at most 859686 rows"
	if !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
	fits := imagenet
	for fits.Bank = 850_000; fits.checkIn(memory) == nil; fits.Bank += 1000 {
	}
	if fits.Bank < 859_000 || fits.Bank > 860_000 {
		t.Errorf("%d rows are refused first, want about as many as the message says", fits.Bank)
	}
	for _, size := range []Size{{0, 1, 1, 1}, {1, 0, 1, 1}, {1, 1, 0, 1}, {1, 1, 1, 0}, {4, 1, 1, 5}} {
		if err := size.Check(); !errors.Is(err, settings.ErrInvalid) {
			t.Errorf("%v: error %v, want %v", size, err, settings.ErrInvalid)
		}
	}
	if err := imagenet.checkIn(math.MaxInt64); err != nil {
		t.Errorf("much memory: %v", err)
	}
}

// An estimate grows with the search: it is not what one pair of blocks takes.
func TestEstimate(t *testing.T) {
	s := search(t, engines.Go(t))
	small := must.M1(s.Estimate(t.Context(), Size{100, 10, 8, 1}))
	large := must.M1(s.Estimate(t.Context(), Size{1_000_000, 1000, 8, 1}))
	if small <= 0 || large < 10*small {
		t.Errorf("%v for a small search and %v for a large one", small, large)
	}
}
