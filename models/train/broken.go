package train

import (
	"fmt"
	"path/filepath"
	"sync"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/run"
)

// brokenNotes is how many broken images the user is told of one by one.
const brokenNotes = 10

// brokenLog collects what all goroutines find; the one that trains reports it.
type brokenLog struct {
	mu      sync.Mutex
	pending []files.Broken
	told    int
}

func (b *brokenLog) add(image files.Broken) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending = append(b.pending, image)
}

// tellBroken reports the broken images found since the last call.
func (s *session) tellBroken() error {
	s.broken.mu.Lock()
	pending := s.broken.pending
	s.broken.pending = nil
	s.broken.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	var lines []byte
	for _, image := range pending {
		lines = fmt.Appendf(lines, "%s: %s\n", image.Name, image.Problem)
		if s.broken.told++; s.broken.told <= brokenNotes {
			s.talk.Note(fmt.Sprintf("broken image, another in its place: %s: %s", image.Name, image.Problem))
		}
		if s.broken.told == brokenNotes {
			s.talk.Note("further broken images are named in " + filepath.Join(s.config.Run.Dir, run.BrokenFile))
		}
	}
	if !s.leads() { // the file is process 0's
		return nil
	}
	if err := s.dir.Append(run.BrokenFile, lines); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return nil
}
