// Package durabletest has a disk with a fault, for tests of what must survive one.
package durabletest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// Fault is what goes wrong.
type Fault int

const (
	// Fail makes one operation fail, and none after it.
	Fail Fault = iota
	// Full makes everything that takes space fail from that operation on.
	Full
	// ReadOnly makes everything fail from that operation on.
	ReadOnly
	// Kill ends the process, and the machine with it: nothing later takes effect, and what was not synced is lost.
	// Files keep half of what was written since their last Sync, renames without a SyncDir are undone.
	Kill
)

// Faults lists them all.
func Faults() []Fault { return []Fault{Fail, Full, ReadOnly, Kill} }

func (f Fault) String() string { return [...]string{"fail", "full", "read-only", "kill"}[f] }

// Err is the error of an operation that the fault hits.
func (f Fault) Err() error {
	return [...]error{syscall.EIO, syscall.ENOSPC, syscall.EROFS, syscall.EIO}[f]
}

// Disk is the disk with one fault, at its operation number At (from 0); none where that is negative. It only notes what
// is synced, which makes it fast. It may be used from several goroutines.
type Disk struct {
	At    int
	Fault Fault
	// Then, where it is not nil, is called when the fault comes to pass: a process can end itself there.
	Then func()

	mu       sync.Mutex
	done     int // operations so far
	dead     bool
	synced   map[string]int64 // files with more than that written
	renames  []undoRename
	operated []string
}

type undoRename struct {
	from, to string
	replaced []byte // the content of a file that was at to; nil if none
}

// Good returns a disk without a fault.
func Good() *Disk { return &Disk{At: -1} }

// Done returns the number of operations so far.
func (d *Disk) Done() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done
}

// Hit returns whether the fault came to pass.
func (d *Disk) Hit() bool { return d.At >= 0 && d.Done() > d.At }

// Operations returns what was done so far, an operation and a name each.
func (d *Disk) Operations() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.operated)
}

// Crash ends the machine as it is: what was not synced is lost.
func (d *Disk) Crash() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.crash()
}

// step counts an operation and says whether it fails; the caller holds mu.
func (d *Disk) step(operation, name string, takesSpace bool) error {
	if d.dead {
		return d.Fault.Err()
	}
	d.operated = append(d.operated, operation+" "+name)
	d.done++
	at := d.done - 1
	if at == d.At && d.Then != nil {
		defer d.Then()
	}
	switch {
	case d.At < 0 || at < d.At:
		return nil
	case d.Fault == Kill:
		d.crash()
		return d.Fault.Err()
	case at == d.At, d.Fault == ReadOnly, d.Fault == Full && takesSpace:
		return d.Fault.Err()
	}
	return nil
}

func (d *Disk) crash() {
	d.dead = true
	for name, synced := range d.synced {
		if info, err := os.Stat(name); err == nil {
			os.Truncate(name, synced+(info.Size()-synced)/2)
		}
	}
	for _, r := range slices.Backward(d.renames) {
		os.Rename(r.to, r.from)
		if r.replaced != nil {
			os.WriteFile(r.to, r.replaced, 0o644)
		}
	}
}

// MkdirAll implements [durable.FileSystem].
func (d *Disk) MkdirAll(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("mkdir", dir, true); err != nil {
		return err
	}
	return durable.Disk{}.MkdirAll(dir)
}

// Create implements [durable.FileSystem].
func (d *Disk) Create(name string) (durable.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("create", name, true); err != nil {
		return nil, err
	}
	f, err := durable.Disk{}.Create(name)
	if err != nil {
		return nil, err
	}
	d.dirty(name, 0)
	return &file{f, d, name}, nil
}

// Append implements [durable.FileSystem].
func (d *Disk) Append(name string) (durable.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("append", name, true); err != nil {
		return nil, err
	}
	f, err := durable.Disk{}.Append(name)
	if err != nil {
		return nil, err
	}
	return &file{f, d, name}, nil
}

// dirty notes that a file holds more than is synced.
func (d *Disk) dirty(name string, synced int64) {
	if d.synced == nil {
		d.synced = map[string]int64{}
	}
	if _, already := d.synced[name]; !already {
		d.synced[name] = synced
	}
}

// Rename implements [durable.FileSystem].
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("rename", to, false); err != nil {
		return err
	}
	replaced, _ := os.ReadFile(to)
	if err := (durable.Disk{}).Rename(from, to); err != nil {
		return err
	}
	d.renames = append(d.renames, undoRename{from, to, replaced})
	for name, synced := range d.synced {
		if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == filepath.Separator) {
			delete(d.synced, name)
			d.synced[to+rest] = synced
		}
	}
	return nil
}

// RemoveAll implements [durable.FileSystem].
func (d *Disk) RemoveAll(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("remove", name, false); err != nil {
		return err
	}
	// What was renamed here and is now gone cannot come back.
	d.renames = slices.DeleteFunc(d.renames, func(r undoRename) bool { return r.to == name })
	return durable.Disk{}.RemoveAll(name)
}

// SyncDir implements [durable.FileSystem].
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("syncdir", dir, false); err != nil {
		return err
	}
	d.renames = slices.DeleteFunc(d.renames, func(r undoRename) bool { return filepath.Dir(r.to) == dir })
	return nil
}

type file struct {
	durable.File
	d    *Disk
	name string
}

// Write, when it is the one that fails, has written half.
func (f *file) Write(p []byte) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	err := f.d.step("write", f.name, true)
	if err != nil && f.d.dead {
		return 0, err
	}
	if info, err := os.Stat(f.name); err == nil {
		f.d.dirty(f.name, info.Size())
	}
	if err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *file) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.step("sync", f.name, true); err != nil {
		return err
	}
	delete(f.d.synced, f.name)
	return nil
}

func (f *file) Close() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.step("close", f.name, false); err != nil {
		f.File.Close()
		return err
	}
	return f.File.Close()
}
