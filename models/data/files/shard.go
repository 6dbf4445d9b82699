package files

import (
	"archive/tar"
	"bufio"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// maxClass bounds the classes that .cls files can call for.
const maxClass = 1 << 20

// maxInflation bounds what a compressed shard is unpacked to, so that a small file cannot fill a disk. JPEG and PNG hardly
// compress; what does are the blocks around small files.
const maxInflation = 50

// member is an image in a shard.
type member struct {
	name         string
	offset, size int64
	label        int32 // -1: none
}

// openShards indexes tar files, several at a time.
func openShards(dir string, names []string, o Options) (l *List, err error) {
	shards := make([]*os.File, len(names))
	l = &List{Dir: dir, at: []place{}, shards: shards}
	defer func() {
		if err == nil {
			return
		}
		for _, f := range shards {
			if f != nil {
				f.Close()
			}
		}
	}()
	members := make([][]member, len(names))
	errs := make([]error, len(names))
	var wg guard.Group
	for w := range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := w; i < len(names); i += runtime.GOMAXPROCS(0) {
				shards[i], members[i], errs[i] = openShard(filepath.Join(dir, names[i]), o)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var labeled, unlabeled string // one of each
	most := int32(-1)
	for i, shard := range members {
		for _, m := range shard {
			name := names[i] + ":" + m.name
			if m.label < 0 {
				unlabeled = name
			} else {
				labeled = name
			}
			most = max(most, m.label)
			l.add(name, m.label, !o.Unlabeled)
			l.at = append(l.at, place{int32(i), m.offset, m.size})
		}
	}
	switch {
	case l.Len() == 0:
		return nil, missing(dir, cmp.Or(data.Published(dir), "no images in "+some(names)))
	case o.Unlabeled || labeled == "":
		l.labels = nil
	case unlabeled != "":
		return nil, corrupt(dir, "%s has a .cls file and %s has none: add it, or take all of them without classes (--unlabeled)", labeled, unlabeled)
	default:
		for i := range most + 1 {
			l.Classes = append(l.Classes, strconv.Itoa(int(i)))
		}
	}
	return l, nil
}

// openShard opens one shard, unpacked where it is compressed, and indexes it.
func openShard(name string, o Options) (f *os.File, members []member, err error) {
	if f, err = regular.Open(name); err != nil {
		return nil, nil, fmt.Errorf("files: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			f = nil
		}
	}()
	head := make([]byte, 2)
	if _, err := io.ReadFull(f, head); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		packed := f
		f, err = unpack(name, packed, o.TempDir)
		packed.Close()
		if err != nil {
			return f, nil, err
		}
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return f, nil, fmt.Errorf("files: %w", err)
	}
	members, err = index(name, f, size)
	return f, members, err
}

// unpack decompresses a shard into a file without a name: images are read in any order, which gzip does not allow.
func unpack(name string, packed *os.File, dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "mocotpu-shard-*")
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return f, fmt.Errorf("files: %w", err)
	}
	if _, err := packed.Seek(0, io.SeekStart); err != nil {
		return f, fmt.Errorf("files: %w", err)
	}
	z, err := gzip.NewReader(bufio.NewReaderSize(packed, 1<<16))
	if err != nil {
		return f, corrupt(name, "gzip: %v", err)
	}
	info, err := packed.Stat()
	if err != nil {
		return f, fmt.Errorf("files: %w", err)
	}
	most := maxInflation*info.Size() + 1<<20
	n, err := io.Copy(f, io.LimitReader(z, most+1))
	if n > most {
		return f, corrupt(name, "gzip: more than %d bytes, %d times the shard's own: images do not compress so", most, maxInflation)
	}
	if err != nil {
		var system *os.PathError // of the copy, not of the archive
		if errors.As(err, &system) {
			return f, fmt.Errorf("files: %s: unpacking it to %s: %w: set TMPDIR to a folder with room, or gunzip the shards", name, filepath.Dir(f.Name()), err)
		}
		return f, corrupt(name, "gzip: %v", err)
	}
	return f, nil
}

// index lists the images of a tar file of size bytes, and the classes that .cls files give them. It reads the headers only.
func index(name string, r io.ReadSeeker, size int64) ([]member, error) {
	archive := tar.NewReader(r)
	var members []member
	var key string
	var first int // image of the sample that key names
	class := int32(-1)
	closeSample := func() {
		for i := first; i < len(members); i++ {
			members[i].label = class
		}
		first, class = len(members), -1
	}
	for {
		h, err := archive.Next()
		if err == io.EOF {
			closeSample()
			return members, nil
		}
		if err != nil {
			return nil, corrupt(name, "tar: %v", err)
		}
		// Entries that are no files, and those that macOS and others add to archives.
		if h.Typeflag != tar.TypeReg || strings.HasPrefix(filepath.Base(h.Name), ".") {
			continue
		}
		offset, err := r.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, fmt.Errorf("files: %s: %w", name, err)
		}
		if h.Size < 0 || h.Size > size-offset {
			return nil, corrupt(name, "file too short: %s has %d bytes from %d on, the shard %d", h.Name, h.Size, offset, size)
		}
		if isSparse(h) {
			return nil, corrupt(name, "%s is a sparse file: want plain ones", h.Name)
		}
		sample, extension := splitKey(h.Name)
		if sample != key {
			closeSample()
			key = sample
		}
		switch {
		case IsImage(h.Name):
			members = append(members, member{name: h.Name, offset: offset, size: h.Size})
		case extension == "cls":
			if class, err = readClass(archive); err != nil {
				return nil, corrupt(name, "%s: %v", h.Name, err)
			}
		}
	}
}

// splitKey cuts a member's name at the first dot of its last part, as WebDataset does.
func splitKey(name string) (key, extension string) {
	base := strings.LastIndexByte(name, '/') + 1
	if dot := strings.IndexByte(name[base:], '.'); dot >= 0 {
		return name[:base+dot], name[base+dot+1:]
	}
	return name, ""
}

// isSparse reports whether a member's bytes are not in one piece.
func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// readClass reads the number in a .cls file.
func readClass(r io.Reader) (int32, error) {
	text, err := io.ReadAll(io.LimitReader(r, 32))
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil || n >= maxClass {
		return 0, fmt.Errorf("got %q, want a class number below %d", text, maxClass)
	}
	return int32(n), nil
}
