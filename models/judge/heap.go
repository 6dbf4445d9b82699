package judge

// neighbour is a row of the bank and its similarity to the query.
type neighbour struct {
	similarity float32
	row        int32
}

// nearer tells whether a is before b: the more similar first, the earlier row on a tie. Similarities are finite.
func (a neighbour) nearer(b neighbour) bool {
	return a.similarity > b.similarity || a.similarity == b.similarity && a.row < b.row
}

// byNearness orders neighbours, the nearest first.
func byNearness(a, b neighbour) int {
	switch {
	case a.nearer(b):
		return -1
	case b.nearer(a):
		return 1
	}
	return 0
}

// offer adds the next row of the bank to the heaps of those queries that have it among their k nearest so far. Similarities
// has one value for each query. The root of a heap is the farthest of its rows. Limits has what a similarity must be above: in
// a full heap, that of the root. Rows are offered in ascending order, so that a later one loses a tie.
func offer(heaps [][]neighbour, limits []float32, k int, similarities []float32, row int32) {
	for q := 0; q < len(limits); {
		// In a long bank a row is among the nearest of few queries: the others are passed over eight at a time.
		q += farther(similarities[q:], limits[q:])
		for end := min(q+8, len(limits)); q < end; q++ {
			s := similarities[q]
			if s <= limits[q] {
				continue
			}
			if len(heaps[q]) < k {
				heaps[q] = append(heaps[q], neighbour{s, row})
				up(heaps[q])
			} else {
				heaps[q][0] = neighbour{s, row}
				down(heaps[q])
			}
			if len(heaps[q]) == k {
				limits[q] = heaps[q][0].similarity
			}
		}
	}
}

// farther counts the similarities at the beginning that are at most their limits, rounded down to a multiple of eight.
func farther(similarities, limits []float32) int {
	n := 0
	for ; len(similarities) >= 8 && len(limits) >= 8; n += 8 {
		s, l := (*[8]float32)(similarities), (*[8]float32)(limits)
		if s[0] > l[0] || s[1] > l[1] || s[2] > l[2] || s[3] > l[3] || s[4] > l[4] || s[5] > l[5] || s[6] > l[6] || s[7] > l[7] {
			break
		}
		similarities, limits = similarities[8:], limits[8:]
	}
	return n
}

// up moves the last element to its place.
func up(heap []neighbour) {
	i := len(heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if heap[i].nearer(heap[parent]) {
			return
		}
		heap[i], heap[parent] = heap[parent], heap[i]
		i = parent
	}
}

// down moves the root to its place.
func down(heap []neighbour) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && heap[child].nearer(heap[child+1]) {
			child++
		}
		if heap[child].nearer(heap[i]) {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}
