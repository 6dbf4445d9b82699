package limits

import (
	"fmt"
	"math"
	"math/bits"
)

// Product multiplies numbers that are not negative; what does not fit is math.MaxInt64.
func Product(numbers ...int64) int64 {
	product := int64(1)
	for _, n := range numbers {
		if high, low := bits.Mul64(uint64(product), uint64(n)); high == 0 && low <= math.MaxInt64 {
			product = int64(low)
		} else {
			product = math.MaxInt64
		}
		if n == 0 {
			return 0
		}
	}
	return product
}

// Sum adds numbers that are not negative; what does not fit is math.MaxInt64.
func Sum(numbers ...int64) int64 {
	sum := int64(0)
	for _, n := range numbers {
		if n > math.MaxInt64-sum {
			return math.MaxInt64
		}
		sum += n
	}
	return sum
}

// Text says bytes for people: "24.0 GiB".
func Text(bytes int64) string {
	value, unit := float64(bytes), 0
	for value >= 1024 && unit < 6 {
		value /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d bytes", bytes)
	}
	return fmt.Sprintf("%.1f %ciB", value, "?KMGTPE"[unit])
}
