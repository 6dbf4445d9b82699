package torchfile

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mocotpu/mocotpu/models/format/pickle"
	"github.com/mocotpu/mocotpu/xla/host/limits"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// File is an open file; its tensors can be read until Close.
type File struct {
	// Root is what was saved: values of package pickle, and *[Tensor].
	Root any

	f *os.File
}

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }

// Open opens a file and reads all but the tensors' data.
func Open(path string) (*File, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, fmt.Errorf("torchfile: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("torchfile: %w", err)
	}
	if have := limits.Memory(); info.Size() > have {
		f.Close()
		return nil, fmt.Errorf("torchfile: %s has %d bytes, more than the %d of memory here", path, info.Size(), have)
	}
	root, err := read(f, info.Size())
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("torchfile: %s: %w", path, err)
	}
	return &File{root, f}, nil
}

// read reads all but the tensors' data, which are read from f later.
func read(f io.ReaderAt, size int64) (any, error) {
	archive, err := zip.NewReader(f, size)
	if errors.Is(err, zip.ErrFormat) {
		return readLegacy(f, size)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return readZip(archive, size)
}

// maxPickle bounds the bytes of what is not tensors' data.
const maxPickle = 64 << 20

const (
	pickleEntry    = "/data.pkl"
	byteOrderEntry = "/byteorder"
	dataFolder     = "/data/"
	littleEndian   = "little"
)

func readZip(archive *zip.Reader, size int64) (any, error) {
	entries := make(map[string]*zip.File, len(archive.File))
	prefix, found := "", false
	for _, e := range archive.File {
		entries[e.Name] = e
		if folder, ok := strings.CutSuffix(e.Name, pickleEntry); ok && !strings.Contains(folder, "/") {
			prefix, found = folder, true
		}
	}
	if !found {
		return nil, fmt.Errorf("%w: a zip archive without data.pkl", ErrFormat)
	}
	if e, ok := entries[prefix+byteOrderEntry]; ok {
		if order, err := readEntry(e); err != nil || order != littleEndian {
			return nil, fmt.Errorf("byte order %q (%v), want %q", order, err, littleEndian)
		}
	}
	r, err := entries[prefix+pickleEntry].Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	defer r.Close()
	root, err := pickle.Read(bufio.NewReader(io.LimitReader(r, maxPickle)), allowed())
	if err != nil {
		return nil, err
	}
	from, byKey := newReading(size), map[string]*storage{}
	return resolve(root, func(id any) (*storage, error) {
		s, key, err := storageOf(id, from)
		if err != nil {
			return nil, err
		}
		if known, ok := byKey[key]; ok && known.dtype == s.dtype && known.count == s.count {
			return known, nil
		}
		byKey[key] = s
		e, ok := entries[prefix+dataFolder+key]
		if want := uint64(s.count * width[s.dtype]); !ok || e.UncompressedSize64 != want || e.Method != zip.Store {
			return nil, fmt.Errorf("%w: storage %q is not there with its %d bytes, uncompressed", ErrFormat, key, want)
		}
		if start, err := e.DataOffset(); err != nil || int64(e.UncompressedSize64) > size-start {
			return nil, fmt.Errorf("%w: storage %q of %d bytes in a file of %d", ErrFormat, key, e.UncompressedSize64, size)
		}
		s.open = e.Open
		return s, nil
	})
}

func readEntry(e *zip.File) (string, error) {
	r, err := e.Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, 100))
	return string(text), err
}

// storageOf understands a storage's persistent id: ("storage", class, key, device, number of elements, ...).
func storageOf(id any, from *reading) (s *storage, key string, err error) {
	const most = 1 << 31 // of elements: a product of two does not overflow
	if t, ok := id.(pickle.Tuple); ok && len(t) >= 5 && t[0] == "storage" {
		class, _ := t[1].(pickle.Global)
		key, isText := t[2].(string)
		count, isInt := t[4].(int)
		for dtype, c := range storages {
			if c == class && isText && isInt && count >= 0 && count < most {
				return &storage{dtype: dtype, count: count, from: from}, key, nil
			}
		}
	}
	return nil, "", fmt.Errorf("%w: a storage of another kind than torch.save's", ErrFormat)
}

// resolve makes tensors of what calls for one.
func resolve(v any, storages func(id any) (*storage, error)) (any, error) {
	var err error
	switch v := v.(type) {
	case pickle.List:
		for i := range v {
			if v[i], err = resolve(v[i], storages); err != nil {
				return nil, err
			}
		}
	case pickle.Tuple:
		for i := range v {
			if v[i], err = resolve(v[i], storages); err != nil {
				return nil, err
			}
		}
	case pickle.Dict:
		for i := range v {
			if v[i].Value, err = resolve(v[i].Value, storages); err != nil {
				return nil, err
			}
		}
	case pickle.Call:
		switch {
		case v.Func == rebuildTensor:
			return newTensor(v.Args, storages)
		case v.Func == rebuildParameter && len(v.Args) > 0:
			return resolve(v.Args[0], storages)
		}
		return nil, fmt.Errorf("%w: a call of %s", ErrFormat, v.Func)
	}
	return v, nil
}
