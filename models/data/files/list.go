package files

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// maxFile is the longest image file that is read.
const maxFile = 1 << 28

// List is the image files of one split. It is read-only and safe for concurrent use until it is closed.
type List struct {
	// Dir is the folder that the names are relative to.
	Dir string
	// Classes names the classes, in the order of their numbers; nil where the images have none.
	Classes []string

	skipped map[string]int // files that are not listed, by their extension
	names   []byte         // one after the other
	ends    []uint64       // where each name ends
	labels  []int32        // nil without classes
	// Of shards: where the images are. Nil for files of their own.
	at     []place
	shards []*os.File
}

// place is an image's bytes in a shard.
type place struct {
	shard        int32
	offset, size int64
}

// OfShards tells whether the images are in shards, else in files of their own.
func (l *List) OfShards() bool { return l.shards != nil }

// Len returns the number of images.
func (l *List) Len() int { return len(l.ends) }

// Skipped says how many image files were passed over by their extension; "" for none.
func (l *List) Skipped() string {
	n := 0
	for _, files := range l.skipped {
		n += files
	}
	if n == 0 {
		return ""
	}
	if n == 1 {
		return fmt.Sprintf("1 file of %s is not read: convert it to JPEG or PNG", slices.Collect(maps.Keys(l.skipped))[0])
	}
	return fmt.Sprintf("%d files of %s are not read: convert them to JPEG or PNG", n, strings.Join(slices.Sorted(maps.Keys(l.skipped)), ", "))
}

// skip counts a file that is not listed, if it is an image's.
func (l *List) skip(name string) {
	if extension := extensionOf(name); slices.Contains(skipped, extension) {
		if l.skipped == nil {
			l.skipped = map[string]int{}
		}
		l.skipped[extension]++
	}
}

// Name returns the path of image i below Dir, with slashes; in a shard it is the shard's, a colon and the member's.
func (l *List) Name(i int) string {
	start := uint64(0)
	if i > 0 {
		start = l.ends[i-1]
	}
	return string(l.names[start:l.ends[i]])
}

// Label returns the number of image i's class, or -1 where the images have none.
func (l *List) Label(i int) int32 {
	if l.labels == nil {
		return -1
	}
	return l.labels[i]
}

// Labels returns the classes of all images, owned by the list; nil where they have none.
func (l *List) Labels() []int32 { return l.labels }

// Read returns the bytes of image i, in buf's memory where they fit.
func (l *List) Read(i int, buf []byte) ([]byte, error) {
	if l.at != nil {
		p := l.at[i]
		return readAt(l.shards[p.shard], p.offset, p.size, buf)
	}
	f, err := regular.Open(filepath.Join(l.Dir, filepath.FromSlash(l.Name(i))))
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	return readAt(f, 0, info.Size(), buf)
}

func readAt(f *os.File, offset, size int64, buf []byte) ([]byte, error) {
	if size > maxFile {
		return nil, fmt.Errorf("files: image of %d bytes, want at most %d", size, maxFile)
	}
	if int64(cap(buf)) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	if _, err := io.ReadFull(io.NewSectionReader(f, offset, size), buf); err != nil {
		return nil, fmt.Errorf("files: %s: %w", f.Name(), err)
	}
	return buf, nil
}

// Fingerprint returns the SHA-256, in hex, of the names, the classes and the sizes of all files. It changes when the folder's files do.
func (l *List) Fingerprint() (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%d %q\n", l.Len(), l.Classes)
	for i := range l.Len() {
		var size int64
		if l.at != nil {
			size = l.at[i].size
		} else if info, err := os.Stat(filepath.Join(l.Dir, filepath.FromSlash(l.Name(i)))); err == nil {
			size = info.Size() // of a file that cannot be read it stays 0
		}
		fmt.Fprintf(h, "%q %d %d\n", l.Name(i), l.Label(i), size)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Close closes the shards.
func (l *List) Close() error {
	var first error
	for _, f := range l.shards {
		if err := f.Close(); err != nil && first == nil {
			first = fmt.Errorf("files: %w", err)
		}
	}
	return first
}

// add appends an image; label is not looked at without classes.
func (l *List) add(name string, label int32, labeled bool) {
	l.names = append(l.names, name...)
	l.ends = append(l.ends, uint64(len(l.names)))
	if labeled {
		l.labels = append(l.labels, label)
	}
}
