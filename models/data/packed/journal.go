package packed

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/format/npy"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// journalFile records how far a set has come. What it records is on the disk already. It is replaced as a whole.
const journalFile = "progress.json"

// journal is a set that is being packed.
type journal struct {
	// Meta is the set as far as it is known: the same source, canvas and decoder go on, others start over.
	Meta Meta `json:"meta"`
	// Next is the first image of the list that is not done; Broken are those before it that are left out, by their numbers.
	Next   int            `json:"next"`
	Broken map[int]string `json:"broken"`
	// Rows is how many images the arrays hold, and Hashes the state of the SHA-256 over each array's elements, in the order of the columns.
	Rows   int      `json:"rows"`
	Hashes [][]byte `json:"hashes"`
}

// readJournal returns the journal in a folder, or nil where there is none that can be used: one that breaks off or is another version's.
func readJournal(dir string) (*journal, error) {
	text, err := regular.ReadFile(filepath.Join(dir, journalFile), maxMeta)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("packed: %w", err)
	}
	var j journal
	if json.Unmarshal(text, &j) != nil || j.Meta.Format != format {
		return nil, nil
	}
	return &j, nil
}

func (j *journal) write(dir string) error { return replace(filepath.Join(dir, journalFile), j) }

// replace puts value as JSON at name, durably and whole.
func replace(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err == nil {
		err = durable.Replace(durable.Disk{}, name, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("packed: %w", err)
	}
	return nil
}

// column is an array that is being written, one element after the other.
type column struct {
	name  string
	head  npy.Header // of one image: Shape without the first dimension
	width int        // bytes an image
	file  *os.File
	hash  hash.Hash // of the elements
}

// open makes or opens the column's file and cuts it to so many rows.
func (c *column) open(dir string, rows int, state []byte) error {
	var err error
	c.file, err = regular.OpenFile(filepath.Join(dir, c.name), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("packed: %w", err)
	}
	size := int64(npy.HeaderLen) + int64(rows)*int64(c.width)
	info, err := c.file.Stat()
	if err != nil {
		return fmt.Errorf("packed: %w", err)
	}
	if rows > 0 && info.Size() < size {
		return fmt.Errorf("packed: %s: %d bytes, want %d by %s: remove the folder to start over", c.file.Name(), info.Size(), size, journalFile)
	}
	if state != nil {
		if err := c.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
			return fmt.Errorf("packed: %s: %w", journalFile, err)
		}
	}
	if err := c.file.Truncate(size); err != nil {
		return fmt.Errorf("packed: %w", err)
	}
	if _, err := c.file.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("packed: %w", err)
	}
	return nil
}

// append writes elements and waits for the disk.
func (c *column) append(elements []byte) error {
	c.hash.Write(elements)
	_, err := c.file.Write(elements)
	if err == nil {
		err = c.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("packed: %w", err)
	}
	return nil
}

// state is what open takes to go on.
func (c *column) state() ([]byte, error) {
	return c.hash.(encoding.BinaryMarshaler).MarshalBinary()
}

// finish writes the header of so many rows to the column's file, which is closed.
func (c *column) finish(name string, rows int) error {
	h := c.head
	h.Shape = append([]int{rows}, h.Shape...)
	f, err := regular.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("packed: %w", err)
	}
	_, err = f.WriteAt(h.Encode(), 0)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("packed: %w", err)
	}
	return nil
}

// brokenList is the journal's broken images in the order of the list.
func (j *journal) brokenList(l *files.List) []files.Broken {
	all := []files.Broken{}
	for i := range l.Len() {
		if problem, ok := j.Broken[i]; ok {
			all = append(all, files.Broken{Name: l.Name(i), Problem: problem})
		}
	}
	return all
}
