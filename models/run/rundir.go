package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/lock"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

var (
	// ErrDirectory says that a run directory cannot be used: [ErrLocked], or one that cannot be written to.
	ErrDirectory = errors.New("unusable run directory")
	// ErrLocked says that another process trains in the same directory.
	ErrLocked = errors.New("another trainer is using this directory")
)

// The files of a run directory beside the checkpoints.
const (
	ConfigFile  = "config.json"
	MetricsFile = "metrics.jsonl"
	BrokenFile  = "broken-images.txt"
	EventsDir   = "tensorboard"
	lockFile    = "LOCK"
)

// RunDir is a run directory, locked against other trainers:
//
//	config.json      [Record]: the configuration and what the run is made of, written before step 0
//	metrics.jsonl    one JSON object a line: [Row] and [KNNRow]
//	step-0001234/    checkpoints; see package checkpoint
//	LAST             the name of the newest
//	broken-images.txt  the images that could not be decoded, if there are any
//	tensorboard/     TensorBoard's event files, if they are asked for
//	LOCK             held while a trainer runs; it stays behind, empty of meaning
//
// It is used from one goroutine, but for Save, which may run beside the methods of its [Metrics].
type RunDir struct {
	fs   durable.FileSystem
	path string
	lock *os.File
}

// OpenDir makes the directory on fs if need be and locks it. The error is [ErrDirectory],
// and also [ErrLocked] when another process holds it. Close gives the lock back, as does the end of
// the process, however it comes.
func OpenDir(fs durable.FileSystem, path string) (*RunDir, error) {
	d := &RunDir{fs: fs, path: path}
	if err := d.open(); err != nil {
		return nil, unusable{fmt.Errorf("run: run directory %s: %w; choose another --dir", path, err)}
	}
	return d, nil
}

// unusable makes an error [ErrDirectory], and leaves its text as it is.
type unusable struct{ error }

func (unusable) Is(target error) bool { return target == ErrDirectory }

func (e unusable) Unwrap() error { return e.error }

func (d *RunDir) open() error {
	if err := CheckFolder(d.path); err != nil {
		return err
	}
	if err := d.fs.MkdirAll(d.path); err != nil {
		return err
	}
	if err := d.fs.SyncDir(filepath.Dir(filepath.Clean(d.path))); err != nil {
		return err
	}
	f, err := regular.OpenFile(filepath.Join(d.path, lockFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if err := takeLock(f); err != nil {
		return errors.Join(err, f.Close())
	}
	d.lock = f
	return nil
}

// takeLock locks the file and leaves in it who holds it.
func takeLock(f *os.File) error {
	err := lock.Try(f)
	if errors.Is(err, lock.ErrHeld) {
		var holder [320]byte
		n, _ := f.Read(holder[:]) // it only helps the reader of the message
		return fmt.Errorf("%w (process %s); stop it", ErrLocked, strings.TrimSpace(string(holder[:n])))
	}
	if err != nil {
		return fmt.Errorf("lock: %w; want a file system that can lock", err)
	}
	host, err := os.Hostname()
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintf(f, "%d on %s\n", os.Getpid(), host)
	}
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// Path is the directory as given to [OpenDir].
func (d *RunDir) Path() string { return d.path }

// Save is [checkpoint.Save] in this directory.
func (d *RunDir) Save(files []checkpoint.File, state checkpoint.State, keep checkpoint.Keep, scores checkpoint.Scores) error {
	return checkpoint.Save(d.fs, d.path, files, state, keep, scores)
}

// Load is [checkpoint.Load] from this directory.
func (d *RunDir) Load() (*checkpoint.Checkpoint, error) { return checkpoint.Load(d.path) }

// Append adds text at the end of one of the directory's files, which it makes if need be, durably.
func (d *RunDir) Append(file string, text []byte) error {
	f, err := d.fs.Append(filepath.Join(d.path, file))
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Close gives the lock back. The directory must not be used after.
func (d *RunDir) Close() error { return d.lock.Close() }
