package data

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// inflation is the most that deflate can make of one byte.
const inflation = 1032

// A source is an open data file, decompressed on the way.
type source struct {
	io.Reader
	// name is how errors call the file.
	name string
	// most is the number of bytes that the file can hold, decompressed.
	most  int64
	close func() error
}

// findSource opens the first of the files there is: folder by folder base and base.gz, then the member of that name in the zip archive (where archive is not empty). It returns the names that were looked for.
func findSource(dir string, folders []string, base, archive string) (*source, []string, error) {
	var lookedFor []string
	for _, folder := range folders {
		for _, name := range []string{path.Join(folder, base), path.Join(folder, base+".gz")} {
			lookedFor = append(lookedFor, name)
			s, err := openSource(filepath.Join(dir, filepath.FromSlash(name)))
			if !errors.Is(err, fs.ErrNotExist) {
				return s, lookedFor, err
			}
		}
	}
	if archive == "" {
		return nil, lookedFor, ErrMissing
	}
	lookedFor = append(lookedFor, archive)
	s, err := openZipMember(filepath.Join(dir, archive), base+".gz")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, lookedFor, ErrMissing
	}
	return s, lookedFor, err
}

// openSized opens a file and returns its size.
func openSized(name string) (*os.File, int64, error) {
	f, err := regular.Open(name)
	if err != nil {
		return nil, 0, fmt.Errorf("data: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("data: %w", err)
	}
	return f, info.Size(), nil
}

func openSource(name string) (*source, error) {
	f, size, err := openSized(name)
	if err != nil {
		return nil, err
	}
	return decompress(name, f, size, f.Close)
}

func openZipMember(archive, member string) (*source, error) {
	f, size, err := openSized(archive)
	if err != nil {
		return nil, err
	}
	z, err := zip.NewReader(f, size)
	if err != nil {
		f.Close()
		return nil, readError(archive, err)
	}
	for _, m := range z.File {
		if path.Base(m.Name) != member {
			continue
		}
		r, err := m.Open()
		if err != nil {
			f.Close()
			return nil, readError(archive, err)
		}
		most := min(m.UncompressedSize64, m.CompressedSize64*inflation)
		return decompress(archive+":"+m.Name, r, int64(most), f.Close)
	}
	f.Close()
	return nil, corrupt(archive, "no member %s", member)
}

// decompress recognises gzip by its first bytes, not by the file's name: browsers unpack without renaming.
func decompress(name string, r io.Reader, size int64, close func() error) (*source, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	s := &source{Reader: buffered, name: name, most: size, close: close}
	if head, _ := buffered.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		gz, err := gzip.NewReader(buffered)
		if err != nil {
			close()
			return nil, readError(name, err)
		}
		s.Reader, s.most = gz, size*inflation
	}
	return s, nil
}

// readFull fills buf from r. where says which part of the file it is.
func readFull(name string, r io.Reader, buf []byte, where string) error {
	n, err := io.ReadFull(r, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return corrupt(name, "file too short: got %d bytes of %s, want %d", n, where, len(buf))
	}
	return readError(name, err)
}

// wantEnd makes sure that r ends here; for gzip that also checks the checksum. It reads at most one byte, so that a decompression bomb does no harm.
func wantEnd(name string, r io.Reader, size int64) error {
	n, err := io.ReadFull(r, make([]byte, 1))
	if n > 0 {
		return corrupt(name, "file too long: got trailing bytes, want %d and the end", size)
	}
	if err == io.EOF {
		return nil
	}
	return readError(name, err)
}

// readError distinguishes a broken file from one that cannot be read; it returns nil for nil.
func readError(name string, err error) error {
	var broken flate.CorruptInputError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &broken), errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, io.EOF), errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrChecksum), errors.Is(err, zip.ErrAlgorithm):
		return corrupt(name, "got %v, want a whole archive", err)
	}
	return fmt.Errorf("data: %s: %w", name, err)
}
