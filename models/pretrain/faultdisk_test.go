package pretrain

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// faultDisk is the disk with one fault: its operation number at (from 0) fails,
// none where that is -1. It only notes what is synced, which makes it fast.
// When kill is set the process dies there: nothing later takes effect, and the
// machine with it, so that what was not synced is lost: files without Sync keep
// half of their bytes, renames without SyncDir are undone.
type faultDisk struct {
	at   int
	kill bool

	done     int // operations so far
	dead     bool
	unsynced []string
	renames  []undoRename
}

type undoRename struct {
	from, to string
	replaced []byte // the content of a file that was at to; nil if none
}

var errFault = errors.New("injected fault")

// step counts an operation and says whether it fails.
func (d *faultDisk) step() error {
	if d.dead {
		return errFault
	}
	d.done++
	if d.done-1 != d.at {
		return nil
	}
	if d.kill {
		d.crash()
	}
	return errFault
}

func (d *faultDisk) crash() {
	d.dead = true
	for _, name := range d.unsynced {
		if info, err := os.Stat(name); err == nil {
			os.Truncate(name, info.Size()/2)
		}
	}
	for _, r := range slices.Backward(d.renames) {
		os.Rename(r.to, r.from)
		if r.replaced != nil {
			os.WriteFile(r.to, r.replaced, 0o644)
		}
	}
}

func (d *faultDisk) MkdirAll(dir string) error {
	if err := d.step(); err != nil {
		return err
	}
	return disk{}.MkdirAll(dir)
}

func (d *faultDisk) Create(name string) (file, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	f, err := disk{}.Create(name)
	if err != nil {
		return nil, err
	}
	d.unsynced = append(d.unsynced, name)
	return &faultFile{f, d, name}, nil
}

func (d *faultDisk) Rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	replaced, _ := os.ReadFile(to)
	if err := (disk{}).Rename(from, to); err != nil {
		return err
	}
	d.renames = append(d.renames, undoRename{from, to, replaced})
	for i, name := range d.unsynced {
		if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == filepath.Separator) {
			d.unsynced[i] = to + rest
		}
	}
	return nil
}

func (d *faultDisk) RemoveAll(name string) error {
	if err := d.step(); err != nil {
		return err
	}
	// What was renamed here and is now gone cannot come back.
	d.renames = slices.DeleteFunc(d.renames, func(r undoRename) bool { return r.to == name })
	return disk{}.RemoveAll(name)
}

func (d *faultDisk) SyncDir(dir string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.renames = slices.DeleteFunc(d.renames, func(r undoRename) bool { return filepath.Dir(r.to) == dir })
	return nil
}

type faultFile struct {
	file
	d    *faultDisk
	name string
}

// Write, when it is the one that fails, has written half: a full disk.
func (f *faultFile) Write(p []byte) (int, error) {
	if err := f.d.step(); err != nil {
		if f.d.kill {
			return 0, err
		}
		n, _ := f.file.Write(p[:len(p)/2])
		return n, err
	}
	return f.file.Write(p)
}

func (f *faultFile) Sync() error {
	if err := f.d.step(); err != nil {
		return err
	}
	f.d.unsynced = slices.DeleteFunc(f.d.unsynced, func(n string) bool { return n == f.name })
	return nil
}

func (f *faultFile) Close() error {
	if err := f.d.step(); err != nil {
		f.file.Close()
		return err
	}
	return f.file.Close()
}
