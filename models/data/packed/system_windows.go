package packed

import (
	"fmt"
	"io"
	"os"

	"github.com/mocotpu/mocotpu/xla/host/limits"
)

// mapFile reads the first bytes of a file: a set must fit in memory here.
func mapFile(f *os.File, size int64) ([]byte, error) {
	if size > limits.Memory() {
		return nil, fmt.Errorf("it is read whole on Windows, and this process may use %s", limits.Text(limits.Memory()))
	}
	whole := make([]byte, size)
	_, err := io.ReadFull(io.NewSectionReader(f, 0, size), whole)
	return whole, err
}

// readAhead does nothing: all is read.
func readAhead([]byte) {}

func unmap([]byte) error { return nil }

// lockedStays says that a file cannot be removed while it is open.
const lockedStays = true
