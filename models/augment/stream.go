package augment

import "math"

// stream is a counter-based random stream (SplitMix64 over a hashed key). It is ours, rather than math/rand's, so
// that the draws cannot change with the Go release.
type stream struct {
	state uint64
}

// streamID gives each operation a stream of its own. The values enter the draws: never renumber them.
type streamID uint64

const (
	streamCrop streamID = iota + 1
	streamFlip
	streamJitter
	streamGray
	streamMix
	streamBlur
)

const golden = 0x9e3779b97f4a7c15 // 2^64 over the golden ratio, SplitMix64's increment

func newStream(seed uint64, epoch, index, view int, id streamID) stream {
	key := scramble(seed + golden)
	for _, word := range [...]uint64{uint64(epoch), uint64(index), uint64(view), uint64(id)} {
		key = scramble(key ^ scramble(word+golden))
	}
	return stream{state: key}
}

// scramble is SplitMix64's output function: a bijection in which every input bit moves every output bit.
func scramble(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (s *stream) next() uint64 {
	s.state += golden
	return scramble(s.state)
}

// unit is uniform in [0, 1).
func (s *stream) unit() float64 {
	return float64(s.next()>>11) / (1 << 53)
}

func (s *stream) uniform(lo, hi float64) float64 {
	return lo + (hi-lo)*s.unit()
}

func (s *stream) chance(p float64) bool {
	return s.unit() < p
}

// factor is a jitter factor of the strength given.
func (s *stream) factor(strength float64) float64 {
	return s.uniform(max(0, 1-strength), 1+strength)
}

// permutation4 is a uniform permutation (Fisher-Yates; 2^64 is so much larger than 4 that the modulo's bias does not matter).
func (s *stream) permutation4() [4]int {
	p := [4]int{0, 1, 2, 3}
	for i := 3; i > 0; i-- {
		j := int(s.next() % uint64(i+1))
		p[i], p[j] = p[j], p[i]
	}
	return p
}

// simplex3 is uniform among the triples of non-negative numbers with that sum.
func (s *stream) simplex3(sum float64) [3]float64 {
	var weights [3]float64
	total := 0.0
	for i := range weights {
		weights[i] = -math.Log1p(-s.unit()) // exponential: normalised, these are uniform on the simplex
		total += weights[i]
	}
	for i := range weights {
		weights[i] *= sum / total
	}
	return weights
}
