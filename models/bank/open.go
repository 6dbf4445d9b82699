package bank

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/npy"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// Bank is a bank in memory.
type Bank struct {
	Manifest
	Rows encoder.Features
	path string
}

// Open reads a bank, whose features are at path.
func Open(path string) (*Bank, error) {
	b := &Bank{path: path}
	var err error
	if b.Manifest, err = readManifest(path + Suffix); err != nil {
		return nil, fmt.Errorf("bank: %s: %w: want what mocotpu embed IMAGES... --encoder=FILE wrote: %w", path+Suffix, ErrNotBank, err)
	}
	if b.Rows.Data, b.Rows.Dim, err = npy.ReadMatrix(path); err != nil {
		return nil, fmt.Errorf("bank: %w: %w", ErrNotBank, err)
	}
	if b.Rows.Len() != len(b.Names) || len(b.Names) == 0 {
		return nil, fmt.Errorf("bank: %s: %w: %d rows and %d names, want as many and at least one", path, ErrNotBank, b.Rows.Len(), len(b.Names))
	}
	for i, v := range b.Rows.Data {
		if v-v != 0 {
			return nil, fmt.Errorf("bank: %s: %w: %v in row %d", path, ErrNotBank, v, i/b.Rows.Dim)
		}
	}
	return b, nil
}

func readManifest(name string) (m Manifest, err error) {
	f, err := regular.Open(name)
	if err != nil {
		return m, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return m, err
	}
	if info.Size() > maxManifest {
		return m, fmt.Errorf("%w: %d bytes, want at most %d", regular.ErrTooLong, info.Size(), maxManifest)
	}
	decoder := json.NewDecoder(f)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil {
		return m, err
	}
	if m.Format != format {
		return m, fmt.Errorf("format %.40q, want %q", m.Format, format)
	}
	return m, nil
}

// EncoderPath is where the bank's encoder is, if that is below the bank's folder: "" if it is elsewhere. A file's word leads
// nowhere else.
func (b *Bank) EncoderPath() string {
	if !filepath.IsLocal(filepath.FromSlash(b.Encoder.Path)) {
		return ""
	}
	return filepath.Join(filepath.Dir(b.path), filepath.FromSlash(b.Encoder.Path))
}
