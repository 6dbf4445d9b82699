package files

import (
	"fmt"

	"github.com/mocotpu/mocotpu/models/data/picture"
)

// Worker decodes the images of a list, one at a time, in memory that it keeps.
type Worker struct {
	decoder *picture.Decoder
	file    []byte
}

// NewWorker returns a worker for canvases of one kind. The caller closes it.
func NewWorker(c picture.Canvas, l picture.Library) (*Worker, error) {
	d, err := picture.NewDecoder(c, l)
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	return &Worker{decoder: d}, nil
}

// Decode puts image i on a canvas, uint8 [size, size, channels], and returns its aspect. The error says that it is broken.
func (w *Worker) Decode(l *List, dst []uint8, i int) (aspect float32, err error) {
	file, err := l.Read(i, w.file)
	if err != nil {
		return 0, err
	}
	w.file = file
	return w.decoder.Squeeze(dst, file)
}

// Close frees the decoder.
func (w *Worker) Close() { w.decoder.Close() }
