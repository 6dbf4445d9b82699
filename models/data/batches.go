package data

import "fmt"

// Batches walks through one epoch of a set in full batches; the images left over at the end are dropped (torch's drop_last), for a compiled step has one shape.
//
// It is not safe for concurrent use.
type Batches struct {
	set   *Set
	order []int
	size  int
	next  int
}

// Batches returns the batches of size images of an epoch, in the order that [Order] gives.
func (s *Set) Batches(seed uint64, epoch, size int) (*Batches, error) {
	if size < 1 || size > s.N {
		return nil, fmt.Errorf("data: %s: got a batch of %d images, want 1 to %d, the images there are", s.Name, size, s.N)
	}
	return &Batches{set: s, order: Order(seed, epoch, s.N), size: size}, nil
}

// Len returns the number of full batches in the epoch.
func (b *Batches) Len() int { return len(b.order) / b.size }

// Seek makes i the number of the batch that Next gives: where a resumed run goes on. It panics where i is not in 0..Len().
func (b *Batches) Seek(i int) {
	if i < 0 || i > b.Len() {
		panic(fmt.Sprintf("data: Batches.Seek: got %d, want 0 to %d", i, b.Len()))
	}
	b.next = i
}

// Next copies the next batch into dst, uint8 [size, Size, Size, Channels], the caller's, and returns the images' indices, a view that stays valid. It returns nil and leaves dst alone when the epoch is over.
func (b *Batches) Next(dst []uint8) []int {
	if b.next == b.Len() {
		return nil
	}
	start := b.next * b.size
	indices := b.order[start : start+b.size : start+b.size]
	b.set.Gather(dst, indices)
	b.next++
	return indices
}
