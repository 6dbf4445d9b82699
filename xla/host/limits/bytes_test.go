package limits

import (
	"math"
	"testing"
)

func TestArithmetic(t *testing.T) {
	const most = math.MaxInt64
	for _, tt := range []struct {
		name      string
		got, want int64
	}{
		{"no product", Product(), 1},
		{"product", Product(3, 4, 5), 60},
		{"largest product", Product(most, 1), most},
		{"product beyond int64", Product(1<<32, 1<<31), most},
		{"product beyond uint64", Product(1<<62, 4), most},
		{"product that wraps to 0", Product(1<<32, 1<<32), most},
		{"product of too much and 0", Product(1<<62, 4, 0), 0},
		{"no sum", Sum(), 0},
		{"sum", Sum(1, 2, 3), 6},
		{"sum beyond int64", Sum(most, 1), most},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, tt.got, tt.want)
		}
	}
	for bytes, want := range map[int64]string{
		0: "0 bytes", 1023: "1023 bytes", 1024: "1.0 KiB", 24 << 30: "24.0 GiB", 5 << 50: "5.0 PiB", most - 1024: "8.0 EiB", most: "8.0 EiB",
	} {
		if got := Text(bytes); got != want {
			t.Errorf("Text(%d) = %q, want %q", bytes, got, want)
		}
	}
}
