package packed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/format/npy"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// ErrChecksum is wrapped by the error for bytes that are not those that were packed.
var ErrChecksum = errors.New("checksum mismatch")

// Splits are the packed sets in a folder that [Pack] or `mocotpu data pack` wrote: the folder itself, or its train and val.
// A split whose set is damaged or not complete is among them; [Verify] says so. The error wraps data.ErrMissing where there is
// none.
func Splits(dir string) ([]string, error) {
	if Is(dir) {
		return []string{dir}, nil
	}
	var splits []string
	for _, name := range []string{"train", "val"} {
		split := filepath.Join(dir, name)
		if _, err := os.Stat(split + partSuffix); err == nil {
			return nil, fmt.Errorf("packed: %s: packing was interrupted: %w: the same mocotpu data pack goes on from there", split, data.ErrMissing)
		}
		if info, err := os.Stat(split); err == nil && info.IsDir() {
			splits = append(splits, split)
		}
	}
	if len(splits) == 0 {
		return nil, notThere(dir)
	}
	return splits, nil
}

// Verify reads a packed set and compares it with the checksums in its meta.json, which must have one of
// each of its arrays. The error wraps [ErrChecksum], data.ErrCorrupt or data.ErrMissing, or is the context's.
func Verify(ctx context.Context, dir string) (Meta, error) {
	s, err := Open(dir)
	if err != nil {
		return Meta{}, err
	}
	if err := s.Close(); err != nil {
		return s.Meta, err
	}
	arrays := []string{imagesFile, aspectFile}
	if len(s.Meta.Classes) > 0 {
		arrays = append(arrays, labelsFile)
	}
	for _, base := range arrays {
		if _, ok := s.Meta.Files[base]; !ok {
			return s.Meta, corrupt(filepath.Join(dir, metaFile), "it has no checksum of %s", base)
		}
	}
	for _, base := range slices.Sorted(maps.Keys(s.Meta.Files)) {
		if base != filepath.Base(base) {
			return s.Meta, corrupt(filepath.Join(dir, metaFile), "it names the file %q, want one beside it", base)
		}
		if ctx.Err() != nil {
			return s.Meta, fmt.Errorf("packed: %w", context.Cause(ctx))
		}
		name := filepath.Join(dir, base)
		got, _, err := sums(name)
		if err != nil {
			return s.Meta, err
		}
		if want := s.Meta.Files[base]; got != want {
			return s.Meta, fmt.Errorf("packed: %s: %d bytes of SHA-256 %s, want %d of %s: pack it again: %w",
				name, got.Bytes, got.SHA256, want.Bytes, want.SHA256, ErrChecksum)
		}
	}
	return s.Meta, nil
}

// sums reads an array's file as Pack wrote it and returns its size and checksum, and that of the elements alone.
func sums(name string) (whole Sum, elements string, err error) {
	f, err := regular.Open(name)
	if err != nil {
		return whole, "", fmt.Errorf("packed: %w", err)
	}
	defer f.Close()
	all, tail := sha256.New(), sha256.New()
	n, err := io.CopyN(all, f, npy.HeaderLen)
	if err == nil {
		var rest int64
		rest, err = io.Copy(io.MultiWriter(all, tail), f)
		n += rest
	}
	if err != nil {
		return whole, "", fmt.Errorf("packed: %s: %w", name, err)
	}
	return Sum{n, hexSum(all)}, hexSum(tail), nil
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
