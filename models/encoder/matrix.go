package encoder

import (
	"errors"
	"fmt"
)

// Features is a float32 matrix [n, Dim], row after row.
type Features struct {
	Data []float32
	// Dim is the length of a row, at least 1.
	Dim int
}

// Len is the number of rows.
func (f Features) Len() int { return len(f.Data) / f.Dim }

// Check returns an error unless f is a matrix with one label a row, each from 0 to classes-1.
func (f Features) Check(labels []int32, classes int) error {
	switch {
	case f.Dim < 1 || len(f.Data)%f.Dim != 0:
		return fmt.Errorf("%d values in rows of %d, want whole rows", len(f.Data), f.Dim)
	case len(f.Data) == 0:
		return errors.New("no rows, want at least one")
	case f.Len() != len(labels):
		return fmt.Errorf("%d rows and %d labels, want as many", f.Len(), len(labels))
	}
	for i, label := range labels {
		if label < 0 || int(label) >= classes {
			return fmt.Errorf("label %d of row %d, want 0 to %d", label, i, classes-1)
		}
	}
	return nil
}
