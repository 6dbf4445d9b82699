package parity

import (
	"math"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	tests := []struct {
		name      string
		got, want []float64
		rel, max  float64
		worst     int
	}{
		{"equal", []float64{1, -2}, []float64{1, -2}, 0, 0, 0},
		{"zeros", []float64{0, 0}, []float64{0, 0}, 0, 0, 0},
		{"signed zeros", []float64{math.Copysign(0, -1)}, []float64{0}, 0, 0, 0},
		{"zero wanted", []float64{0, 1e-9}, []float64{0, 0}, inf, 1e-9, 1},
		{"sign", []float64{3, -4}, []float64{3, 4}, 8.0 / 5, 8, 1},
		{"small", []float64{3, 4.5, 0}, []float64{3, 4, 0}, 0.1, 0.5, 1},
		{"NaN got", []float64{1, nan}, []float64{1, 1}, inf, inf, 1},
		{"NaN wanted", []float64{nan}, []float64{1}, inf, inf, 0},
		{"NaN both", []float64{nan}, []float64{nan}, inf, inf, 0},
		{"Inf got", []float64{1, inf}, []float64{1, 1}, inf, inf, 1},
		{"Inf both", []float64{inf, 1}, []float64{inf, 1}, 0, 0, 0},
		{"Inf of other sign", []float64{-inf}, []float64{inf}, inf, inf, 0},
		{"length", []float64{1}, []float64{1, 2}, inf, inf, 1},
		{"empty", nil, nil, 0, 0, -1},
	}
	for _, test := range tests {
		d := Compare(test.got, test.want)
		near := d.RelL2 == test.rel || math.Abs(d.RelL2-test.rel) < 1e-12
		if !near || d.MaxAbs != test.max || d.Worst != test.worst {
			t.Errorf("%s: %+v, want relative %v, max %v, worst %d", test.name, d, test.rel, test.max, test.worst)
		}
	}
}

// The record must see one wrong element in a sample, one wrong element anywhere else, and two exchanged ones.
func TestRecordCheck(t *testing.T) {
	values := make([]float32, 1000)
	r := Record{Name: "x", Dims: []int{10, 100}, Projections: make([]float64, 8), Indices: []int{0, 700}}
	for i := range values {
		values[i] = float32(Uniform("values", i))
		r.Norm += float64(values[i]) * float64(values[i])
		for p := range r.Projections {
			r.Projections[p] += float64(values[i]) * float64(1-2*int(hash("sign/x", i)>>p&1))
		}
	}
	r.Norm = math.Sqrt(r.Norm)
	r.Samples = []float64{float64(values[0]), float64(values[700])}
	changed := func(change func(v []float32)) []float32 {
		v := append([]float32(nil), values...)
		change(v)
		return v
	}
	tests := []struct {
		name   string
		values []float32
		want   string // in the error; empty for none
	}{
		{"same", values, ""},
		{"rounding", changed(func(v []float32) { v[0] += 1e-6; v[5] -= 1e-6 }), ""},
		{"sample", changed(func(v []float32) { v[700] += 0.1 }), "x: element 700 "},
		{"elsewhere", changed(func(v []float32) { v[5] += 0.1 }), "x: relative L2"},
		{"exchanged", changed(func(v []float32) { v[5], v[6] = v[6], v[5] }), "x: relative L2"},
		{"sign", changed(func(v []float32) { v[5] = -v[5] }), "x: relative L2"},
		{"NaN", changed(func(v []float32) { v[5] = float32(math.NaN()) }), "x: relative L2"},
		{"NaN sample", changed(func(v []float32) { v[0] = float32(math.NaN()) }), "x: element 0 "},
		{"length", values[:999], "999 values"},
	}
	for _, test := range tests {
		_, err := r.Check(test.values, 1e-4)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}

// Known values hold the formula: the generator has the same ones.
func TestFormula(t *testing.T) {
	if got, want := hash("formula", 12345), uint32(0x5fdb570d); got != want {
		t.Errorf("Hash %#x, want %#x", got, want)
	}
	sum, square := 0.0, 0.0
	for i := range 10000 {
		u := Uniform("formula", i)
		sum += u
		square += u * u
	}
	if math.Abs(sum/1e4) > 0.02 || math.Abs(square/1e4-1.0/3) > 0.01 {
		t.Errorf("mean %v and mean square %v of Uniform, want about 0 and 1/3", sum/1e4, square/1e4)
	}
}
