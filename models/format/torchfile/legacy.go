package torchfile

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/mocotpu/mocotpu/models/format/pickle"
)

// The format before torch 1.6: the pickles of a magic number, a version, facts about the machine, the value and the
// list of its storages' keys; then of each storage the number of elements, in 8 bytes, and the data.
const (
	// legacyMagic is the pickle of 0x1950a86a20f9469cfc6c, by whatever protocol from 2 on, without its head and end.
	legacyMagic   = "\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"
	legacyVersion = 1001
)

func readLegacy(f io.ReaderAt, size int64) (any, error) {
	r := &counter{r: bufio.NewReader(io.NewSectionReader(f, 0, size))}
	head := make([]byte, 2+len(legacyMagic)+1)
	if _, err := io.ReadFull(r, head); err != nil || string(head[2:len(head)-1]) != legacyMagic {
		return nil, ErrFormat
	}
	version, err := pickle.Read(r, nil)
	if err != nil {
		return nil, err
	}
	if version != legacyVersion {
		return nil, fmt.Errorf("%w: another version than %d", ErrFormat, legacyVersion)
	}
	if _, err := pickle.Read(r, nil); err != nil {
		return nil, err
	}
	root, err := pickle.Read(r, allowed())
	if err != nil {
		return nil, err
	}
	from, byKey := newReading(size), map[string]*storage{}
	root, err = resolve(root, func(id any) (*storage, error) {
		s, key, err := storageOf(id, from)
		if err != nil {
			return nil, err
		}
		if known, ok := byKey[key]; ok {
			return known, nil
		}
		byKey[key] = s
		return s, nil
	})
	if err != nil {
		return nil, err
	}
	keys, err := pickle.Read(r, nil)
	if err != nil {
		return nil, err
	}
	list, ok := keys.(pickle.List)
	if !ok || len(list) != len(byKey) {
		return nil, fmt.Errorf("%w: %d storages are used, and not as many listed", ErrFormat, len(byKey))
	}
	return root, locate(f, r.n, size, list, byKey)
}

// locate finds the data of each storage, from offset at on.
func locate(f io.ReaderAt, at, size int64, keys pickle.List, byKey map[string]*storage) error {
	for _, key := range keys {
		name, _ := key.(string)
		s, ok := byKey[name]
		if !ok {
			return fmt.Errorf("%w: storage %.40q is not used", ErrFormat, name)
		}
		var count [8]byte
		if _, err := f.ReadAt(count[:], at); err != nil {
			return fmt.Errorf("%w: storage %s: %w", ErrFormat, name, err)
		}
		start, length := at+8, int64(s.count*width[s.dtype])
		if n := binary.LittleEndian.Uint64(count[:]); n != uint64(s.count) || length > size-start {
			return fmt.Errorf("%w: storage %s has %d elements in %d bytes, want %d", ErrFormat, name, n, size-start, s.count)
		}
		s.open = func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(f, start, length)), nil }
		at = start + length
	}
	return nil
}

var errLong = fmt.Errorf("%w: more than %d bytes that are not tensors' data", ErrFormat, maxPickle)

// counter counts what was read, up to maxPickle bytes.
type counter struct {
	r *bufio.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	if c.n >= maxPickle {
		return 0, errLong
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counter) ReadByte() (byte, error) {
	if c.n >= maxPickle {
		return 0, errLong
	}
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}
