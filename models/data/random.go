package data

import "math/bits"

// Purposes keep the streams of different uses of one seed apart.
const (
	purposeOrder uint64 = iota + 1
	purposeGlyphs
	purposeLabels
)

// A stream is a sequence of random words with a position: word number p is mix(key + p*gamma), the SplitMix64 of Steele, Lea and Flood (2014).
//
// mix is a bijection and gamma is odd, so for one key no two positions hold the same word: streams that own disjoint positions never share one.
type stream struct {
	key, position uint64
}

const (
	gamma = 0x9e3779b97f4a7c15
	// streamBits is the log2 of the positions a stream owns: far more than a drawing uses.
	streamBits = 24
)

// newStream returns stream number index (below 2^(64-streamBits)) of a seed and a purpose.
func newStream(seed, purpose, index uint64) stream {
	return stream{key: mix(mix(seed) + purpose), position: index << streamBits}
}

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (s *stream) word() uint64 {
	w := mix(s.key + s.position*gamma)
	s.position++
	return w
}

// below returns an integer in 0..n-1, uniform up to n/2^64.
func (s *stream) below(n int) int {
	high, _ := bits.Mul64(s.word(), uint64(n))
	return int(high)
}

// between returns an integer in low..high.
func (s *stream) between(low, high int) int { return low + s.below(high-low+1) }

// uniform returns a float in [low, high).
func (s *stream) uniform(low, high float32) float32 {
	u := float32(s.word()>>40) / (1 << 24)
	return low + float32(u*(high-low))
}

// normal returns a float of mean 0 and the given standard deviation: the sum of four uniform ones, so it stays within 3.5 sigma and needs no function that differs between machines.
func (s *stream) normal(sigma float32) float32 {
	w := s.word()
	sum := int(w&0xffff) + int(w>>16&0xffff) + int(w>>32&0xffff) + int(w>>48)
	const deviation = 37837.22 // of the sum: sqrt(4*(2^32-1)/12)
	return float32(float32(sum-2*0xffff) / deviation * sigma)
}

// shuffle is Fisher and Yates's.
func (s *stream) shuffle(a []int) {
	for i := len(a) - 1; i > 0; i-- {
		j := s.below(i + 1)
		a[i], a[j] = a[j], a[i]
	}
}

// Order returns the permutation of 0..n-1 in which an epoch visits a set's n images. It is a pure function of its arguments, so a run resumed in the middle of an epoch sees the images it would have seen.
func Order(seed uint64, epoch, n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	s := newStream(mix(seed)+uint64(epoch), purposeOrder, 0)
	s.shuffle(order)
	return order
}
