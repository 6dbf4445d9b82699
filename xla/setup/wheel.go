package setup

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// errChecksum means that a downloaded file is not the pinned one.
var errChecksum = errors.New("wrong checksum")

// wheel is a pinned archive of Python's package index: a zip file.
type wheel struct {
	name, version string
	file          string // as the index names it
	sha256        string
	python        string // the Python it is made for, which need not be this machine's
	platform      string // the platform tag of file
	bytes         int64  // of the archive
	unpacked      int64  // of what is kept of it
}

// fetch downloads the wheel into dir with pip, checks it and returns its path.
func (w wheel) fetch(ctx context.Context, dir string, progress func(string)) (string, error) {
	what := fmt.Sprintf("downloading %s %s", w.name, w.version)
	progress(fmt.Sprintf("%s (%d MB)", what, w.bytes/1e6))
	var told int64 // MB
	err := pip(ctx, dir, func(bytes int64) {
		// pip copies what it has downloaded: there are more bytes than that at the end.
		if now := min(bytes, w.bytes) / 1e6; now != told {
			told = now
			progress(fmt.Sprintf("%s (%d of %d MB)", what, now, w.bytes/1e6))
		}
	}, "download", "--no-deps", "--only-binary=:all:", "--python-version", w.python, "--platform", w.platform,
		"--dest", dir, w.name+"=="+w.version)
	if err != nil {
		return "", fmt.Errorf("download %s %s: %w", w.name, w.version, err)
	}
	path := filepath.Join(dir, w.file)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("download %s %s: pip did not bring %s: %w", w.name, w.version, w.file, err)
	}
	got, err := fileSHA256(path)
	if err != nil {
		return "", err
	}
	if got != w.sha256 {
		return "", fmt.Errorf("%s: %w: got sha256 %s, want %s", w.file, errChecksum, got, w.sha256)
	}
	return path, nil
}

// unpackAll downloads wheels into work and extracts them into dir one after the other, so that the disk holds only one archive
// at a time. It puts their checksums into files.
func unpackAll(ctx context.Context, wheels []wheel, work, dir string, keep func(name string) string, files map[string]string, progress func(string)) error {
	for _, w := range wheels {
		file, err := w.fetch(ctx, work, progress)
		if err != nil {
			return err
		}
		progress("unpacking " + w.name)
		if err := unpack(ctx, file, dir, keep); err != nil {
			return err
		}
		if err := os.Remove(file); err != nil {
			return err
		}
		files[w.file] = w.sha256
	}
	return nil
}

// unpack extracts the files of a wheel for which keep returns a path relative to dir, and not "".
func unpack(ctx context.Context, path, dir string, keep func(name string) string) error {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	defer archive.Close()
	for _, f := range archive.File {
		to := keep(f.Name)
		if to == "" || strings.HasSuffix(f.Name, "/") {
			continue
		}
		if !filepath.IsLocal(to) {
			return fmt.Errorf("%s: the name %q leaves the folder", filepath.Base(path), f.Name)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := extract(f, filepath.Join(dir, to)); err != nil {
			return fmt.Errorf("%s: %s: %w", filepath.Base(path), f.Name, err)
		}
	}
	return nil
}

func extract(f *zip.File, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	return write(to, in, f.Mode().Perm()|0o644) // ptxas must stay executable
}

// write makes a file of what is read.
func write(to string, in io.Reader, mode os.FileMode) (err error) {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

func fileSHA256(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
