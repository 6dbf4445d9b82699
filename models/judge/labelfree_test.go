package judge

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
)

// rows fills n features of dim.
func rows(n, dim int, value func(i, j int) float64) encoder.Features {
	f := encoder.Features{Dim: dim, Data: make([]float32, n*dim)}
	for at := range f.Data {
		f.Data[at] = float32(value(at/dim, at%dim))
	}
	return f
}

// The effective rank of matrices whose singular values are known.
func TestEffectiveRank(t *testing.T) {
	only := func(i, j int) float64 {
		if i == j {
			return 3
		}
		return 0
	}
	// 3 and 1, turned so that they do not stand in the rows.
	turned := func(i, j int) float64 {
		const c, s = 0.6, 0.8
		return [][]float64{{3 * c, -s}, {3 * s, c}, {0, 0}}[i][j]
	}
	for _, tt := range []struct {
		name string
		f    encoder.Features
		want float64
	}{
		{"equal singular values", rows(8, 8, only), 8},
		{"more dimensions than rows", rows(5, 12, only), 5},
		{"every row the same", rows(20, 6, func(_, j int) float64 { return float64(j) }), 1},
		{"3 and 1", rows(3, 2, turned), math.Exp(-0.75*math.Log(0.75) - 0.25*math.Log(0.25))},
		{"nothing", rows(4, 4, func(_, _ int) float64 { return 0 }), 0},
	} {
		got, err := effectiveRank(tt.f)
		if err != nil || math.Abs(float64(got)-tt.want) > 1e-4 {
			t.Errorf("%s: %v, %v, want %g", tt.name, got, err, tt.want)
		}
	}
	bad := rows(4, 4, only)
	bad.Data[6] = float32(math.NaN())
	if _, err := effectiveRank(bad); !errors.Is(err, ErrNotFinite) {
		t.Errorf("NaN: %v, want ErrNotFinite", err)
	}
}

// Points evenly on the circle: the mean of exp(-2 d^2) over the circle is exp(-4) I0(4), and the sum over n equal steps
// is that integral, up to Bessel functions of order n. The second view turns them, so that each lies d apart.
func TestGeometryOfTheCircle(t *testing.T) {
	const n, bessel = 300, 11.30192195213633 // more than one block of queries; I0(4)
	circle := func(turn float64) encoder.Features {
		return rows(n, 2, func(i, j int) float64 {
			a := 2*math.Pi*float64(i)/n + turn
			return 5 * []float64{math.Cos(a), math.Sin(a)}[j] // lengths do not count
		})
	}
	s := search(t, engines.Go(t))
	mean := math.Exp(-4) * bessel
	uniform := math.Log((n*mean - 1) / (n - 1))
	for _, tt := range []struct{ turn, alignment, retrieval float64 }{
		{0, 0, 100},
		{math.Pi / n / 2, 2 - 2*math.Cos(math.Pi/n/2), 100}, // a quarter of the way to the next
		{1.5 * math.Pi / n, 2 - 2*math.Cos(1.5*math.Pi/n), 0},
		{math.Pi + 0.001, 2 - 2*math.Cos(math.Pi+0.001), 0},
	} {
		g, err := s.geometry(t.Context(), circle(0), circle(0), circle(tt.turn))
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(float64(g.Rank)-2) > 1e-3 || math.Abs(float64(g.Alignment)-tt.alignment) > 1e-6 ||
			math.Abs(float64(g.Uniformity)-uniform) > 1e-6 || float64(g.Retrieval) != tt.retrieval {
			t.Errorf("turned by %g: %+v, want rank 2, alignment %g, uniformity %g, retrieval %g", tt.turn, g, tt.alignment, uniform, tt.retrieval)
		}
	}
}

// Collapsed features are neither uniform nor found again; features even over a sphere of many dimensions have uniformity
// near -4, at most by chance in direction.
func TestGeometryOfExtremes(t *testing.T) {
	s := search(t, engines.Go(t))
	same := rows(50, 16, func(_, j int) float64 { return float64(j) })
	g, err := s.geometry(t.Context(), same, same, same)
	if err != nil || g.Alignment != 0 || math.Abs(float64(g.Uniformity)) > 1e-5 || g.Retrieval != 2 || math.Abs(float64(g.Rank)-1) > 1e-3 {
		t.Errorf("collapsed: %+v, %v", g, err)
	}
	nothing := rows(50, 16, func(_, _ int) float64 { return 0 })
	if g, err = s.geometry(t.Context(), nothing, nothing, nothing); err != nil || g.Uniformity != 0 || g.Rank != 0 {
		t.Errorf("zeros: %+v, %v", g, err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	even := rows(500, 256, func(_, _ int) float64 { return rng.NormFloat64() })
	g, err = s.geometry(t.Context(), even, even, even)
	if err != nil || math.Abs(float64(g.Uniformity)+4) > 0.05 || g.Rank < 220 {
		t.Errorf("even over the sphere: %+v, %v, want uniformity near -4 and a rank near 256", g, err)
	}
	if _, err := s.geometry(t.Context(), even, even, same); err == nil {
		t.Error("views of other images are taken")
	}
}

// The figures are those of NumPy for the same features: see testdata/gen_labelfree.py.
func TestGeometryOfNumPy(t *testing.T) {
	var want struct{ Rank, Alignment, Uniformity, Retrieval float64 }
	if err := parity.Load(os.DirFS("testdata"), "labelfree.json", &want); err != nil {
		t.Fatal(err)
	}
	view := func(phase float64) encoder.Features {
		return rows(37, 11, func(i, j int) float64 {
			x, y := float64(i), float64(j)
			return math.Sin(0.37*x*(y+1)+phase*y) + 0.5*math.Cos(1.3*x-0.2*y*y) + 0.3
		})
	}
	g, err := search(t, engines.Go(t)).geometry(t.Context(), view(0), view(0.02), view(0.25))
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]float64{
		"rank": {float64(g.Rank), want.Rank}, "alignment": {float64(g.Alignment), want.Alignment},
		"uniformity": {float64(g.Uniformity), want.Uniformity}, "retrieval": {float64(g.Retrieval), want.Retrieval},
	} {
		if math.Abs(pair[0]-pair[1]) > 1e-5*math.Abs(pair[1]) {
			t.Errorf("%s: %v, NumPy has %v", name, pair[0], pair[1])
		}
	}
}
