package files

import (
	"errors"
	"fmt"
	"sync"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/picture"
)

// Broken is an image that could not be read or decoded.
type Broken struct {
	Name    string `json:"name"`
	Problem string `json:"problem"`
}

// tooMany bounds the broken images: a set with more than one in tooMany is damaged.
const tooMany = 100

// Tally counts the broken images of a list, each once. It is safe for concurrent use.
type Tally struct {
	list   *List
	report func(Broken)
	mu     sync.Mutex
	found  map[int]bool
}

// NewTally starts to count. report, where it is not nil, is called once for each broken image, by the goroutine that found it.
func NewTally(l *List, report func(Broken)) *Tally {
	return &Tally{list: l, report: report, found: map[int]bool{}}
}

// Add notes that image i is broken. It returns an error when more than one image in a hundred is: [data.ErrUnread] where
// this one is a [picture.Unread], else [data.ErrCorrupt].
func (t *Tally) Add(i int, problem error) error {
	t.mu.Lock()
	known := t.found[i]
	t.found[i] = true
	n := len(t.found)
	t.mu.Unlock()
	b := Broken{t.list.Name(i), problem.Error()}
	if !known && t.report != nil {
		t.report(b)
	}
	if n*tooMany <= t.list.Len() {
		return nil
	}
	if unread := (picture.Unread{}); errors.As(problem, &unread) {
		return fmt.Errorf("files: %s: %d of %d images cannot be read, more than one in %d; the last is %s (%v): convert or remove them: %w",
			t.list.Dir, n, t.list.Len(), tooMany, b.Name, problem, data.ErrUnread)
	}
	return fmt.Errorf("files: %s: %d of %d images are broken, more than one in %d; the last is %s (%v): repair or remove them: %w",
		t.list.Dir, n, t.list.Len(), tooMany, b.Name, problem, data.ErrCorrupt)
}
