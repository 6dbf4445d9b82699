package packed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/limits"
	filelock "github.com/mocotpu/mocotpu/xla/host/lock"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

var (
	// ErrDiskSpace is wrapped by the error for a set that would not fit.
	ErrDiskSpace = errors.New("not enough disk space")
	// ErrExists is wrapped by the error for a folder in which something else stands.
	ErrExists = errors.New("the folder is taken")
	// ErrBusy is wrapped by the error for a set that another process is packing.
	ErrBusy = errors.New("another process packs into this folder")
)

// Options say how a set is packed.
type Options struct {
	// Canvas is the side of the canvas in pixels; at least 1. 256 suits views of 224 pixels.
	Canvas int
	// Channels is 3 (RGB) or 1 (gray); 0 is 3. Window is the range of 16-bit samples that is shown.
	Channels int
	Window   picture.Window
	// Library decodes JPEGs. Default: picture.Best.
	Library picture.Library
	// Workers is how many images are decoded at a time. Default: the CPUs that Go uses.
	Workers int
	// Progress, where it is not nil, receives the number of images done and of all images, from the goroutine that called Pack.
	Progress func(done, total int)
	// Note, where it is not nil, receives sentences for the user, from the same goroutine: what PackSplit packs, and that Pack goes on with earlier work.
	Note func(string)
	// Broken, where it is not nil, is called once for each broken image, from any goroutine.
	Broken func(files.Broken)

	// Tests set these: the images of a chunk, and what is called before each change of the disk.
	perChunk int
	before   func(change string)
}

// about calls the test's hook before a change of the disk.
func (o Options) about(change string) {
	if o.before != nil {
		o.before(change)
	}
}

// partSuffix names the folder beside the packed set in which it is made.
const partSuffix = ".mocotpu-part" // a name that nobody else gives: the folder is removed at the end

// setFolder is the folder inside it that becomes the packed set.
const setFolder = "set"

// Pack makes a packed set of the list's images in the folder out, which must not be there yet. Broken images are left out, and named in Meta.
//
// The set is made in out.mocotpu-part and takes its name when it is complete, on the disk and verified. Whatever ends Pack before, a second call goes on where the first one was, and gives the bytes of an undisturbed one; after the set is complete, it only returns its Meta. Disk space is checked first.
//
// The error wraps [ErrDiskSpace], [ErrExists], [ErrBusy], [ErrChecksum], data.ErrCorrupt for too many broken images, or is the context's.
func Pack(ctx context.Context, l *files.List, out string, o Options) (Meta, error) {
	if o.Library == "" {
		o.Library = picture.Best()
	}
	if o.Canvas < 1 {
		return Meta{}, fmt.Errorf("packed: canvas of %d pixels, want at least 1", o.Canvas)
	}
	if o.Channels == 3 {
		o.Channels = 0
	}
	if o.Channels != 0 && o.Channels != 1 {
		return Meta{}, fmt.Errorf("packed: canvas of %d channels, want 1 or 3", o.Channels)
	}
	if err := o.Window.Validate(); err != nil {
		return Meta{}, fmt.Errorf("packed: %w", err)
	}
	out = filepath.Clean(out)
	fingerprint, err := l.Fingerprint()
	if err != nil {
		return Meta{}, fmt.Errorf("packed: %w", err)
	}
	want := Meta{
		Format: format, Canvas: o.Canvas, Channels: o.Channels, Window: o.Window, Source: l.Dir, Fingerprint: fingerprint, Decoder: string(o.Library),
		Files: map[string]Sum{}, Broken: []files.Broken{}, Classes: l.Classes,
	}
	if _, err := os.Stat(out); err == nil {
		return finished(out, want)
	} else if !errors.Is(err, os.ErrNotExist) {
		return Meta{}, fmt.Errorf("packed: %w", err)
	}
	part := out + partSuffix
	unlock, err := lock(part)
	if err != nil {
		return Meta{}, err
	}
	defer unlock()
	p, err := begin(part, want, l, o)
	if err != nil {
		return Meta{}, err
	}
	if err := p.run(ctx); err != nil {
		return Meta{}, errors.Join(err, p.close())
	}
	if err := p.close(); err != nil {
		return Meta{}, err
	}
	meta, err := p.finish()
	if err != nil {
		return Meta{}, err
	}
	o.about("rename")
	if err := durable.Rename(durable.Disk{}, filepath.Join(part, setFolder), out); err != nil {
		return Meta{}, fmt.Errorf("packed: %w", err)
	}
	o.about("remove")
	if lockedStays {
		unlock()
	}
	return meta, removeAll(part)
}

// finished accepts a folder that is there already if it is the same set, and whole.
func finished(out string, want Meta) (Meta, error) {
	if !Is(out) {
		return Meta{}, fmt.Errorf("packed: %s: %w: it holds no packed set: choose another, or move it away", out, ErrExists)
	}
	have, err := ReadMeta(out)
	if err != nil {
		return have, err
	}
	if !have.alike(want) {
		return have, fmt.Errorf("packed: %s: %w: it holds %s with %s by decoder %s, want %s with %s by %s as its files are now: "+
			"choose another, or move it away", out, ErrExists, have.Source, have.canvas(), have.Decoder, want.Source, want.canvas(), want.Decoder)
	}
	return have, removeAll(out + partSuffix) // what a process killed at the very end left
}

// lock keeps other processes out until unlock, or the end of this one. The file is LOCK in the folder that the set is made in, which is removed with the folder: a process that waited for it then finds the finished set.
func lock(part string) (unlock func(), err error) {
	if err := os.MkdirAll(part, 0o755); err != nil {
		return nil, fmt.Errorf("packed: %w", err)
	}
	f, err := regular.OpenFile(filepath.Join(part, "LOCK"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("packed: %w", err)
	}
	if err := filelock.Try(f); err != nil {
		f.Close()
		if errors.Is(err, filelock.ErrHeld) {
			return nil, fmt.Errorf("packed: %s: %w", part, ErrBusy)
		}
		return nil, fmt.Errorf("packed: lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}

// checkDisk returns [ErrDiskSpace] where dir has no room for so many bytes more.
func checkDisk(dir string, want int64) error {
	free, err := limits.Disk(dir)
	if err != nil {
		return fmt.Errorf("packed: %s: %w", dir, err)
	}
	if free < want {
		return fmt.Errorf("packed: %s: %w: %d MB free, want %d MB: choose a folder on another disk, or a smaller canvas",
			dir, ErrDiskSpace, free/1e6, want/1e6)
	}
	return nil
}

func removeAll(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("packed: %w", err)
	}
	return nil
}

// interrupted wraps what ended packing, with the advice to run it again.
func interrupted(ctx context.Context, done, total int) error {
	return fmt.Errorf("packed: %w after %d of %d images: the same command goes on from there", context.Cause(ctx), done, total)
}
