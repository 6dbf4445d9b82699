package pretrain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mocotpu/mocotpu/models/safetensors"
)

// ErrLocked says that another process trains in the same directory.
var ErrLocked = errors.New("another trainer is using this directory")

// The files of a run directory beside the checkpoints.
const (
	configFile  = "config.json"
	metricsFile = "metrics.jsonl"
	lockFile    = "LOCK"
)

// RunDir is a run directory, locked against other trainers:
//
//	config.json      the configuration, written before step 0
//	metrics.jsonl    one JSON object a line: [Row] and [KNNRow]
//	step-0001234/    checkpoints; see [SaveCheckpoint]
//	LAST             the name of the newest
//	LOCK             held while a trainer runs; it stays behind, empty of meaning
//
// It is used from one goroutine.
type RunDir struct {
	path string
	lock *os.File
}

// OpenDir makes the directory if need be and locks it. The error is [ErrLocked]
// when another process holds it. Close gives the lock back, as does the end of
// the process, however it comes.
func OpenDir(path string) (*RunDir, error) {
	d, err := openDir(path)
	if err != nil {
		return nil, fmt.Errorf("pretrain: run directory %s: %w", path, err)
	}
	return d, nil
}

func openDir(path string) (*RunDir, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, err
	}
	if err := (disk{}).SyncDir(filepath.Dir(filepath.Clean(path))); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		var holder [32]byte
		n, _ := lock.Read(holder[:]) // the number only helps the reader of the message
		lock.Close()
		return nil, fmt.Errorf("%w (process %s); stop it, or choose another --dir", ErrLocked, strings.TrimSpace(string(holder[:n])))
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock: %w", err)
	}
	err = lock.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintln(lock, os.Getpid())
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock: %w", err)
	}
	return &RunDir{path: path, lock: lock}, nil
}

// Path is the directory as given to [OpenDir].
func (d *RunDir) Path() string { return d.path }

// Config returns the saved configuration, or an error that is [fs.ErrNotExist]
// in a directory without one.
func (d *RunDir) Config() (Config, error) { return ReadConfig(d.path) }

// SaveConfig replaces config.json; a crash leaves the old one or the new.
func (d *RunDir) SaveConfig(c Config) error {
	text, err := c.Encode()
	if err != nil {
		return err
	}
	if err := replaceFile(disk{}, filepath.Join(d.path, configFile), text); err != nil {
		return fmt.Errorf("pretrain: config: %w", err)
	}
	return nil
}

// Save is [SaveCheckpoint] in this directory.
func (d *RunDir) Save(step int, tensors []safetensors.Tensor, state State) error {
	return SaveCheckpoint(d.path, step, tensors, state)
}

// Load is [LoadCheckpoint] from this directory.
func (d *RunDir) Load() (*Checkpoint, error) { return LoadCheckpoint(d.path) }

// Close gives the lock back. The directory must not be used after.
func (d *RunDir) Close() error { return d.lock.Close() }

// ReadConfig reads config.json of a run directory without locking it. The error
// is [fs.ErrNotExist] where there is none.
func ReadConfig(runDir string) (Config, error) {
	text, err := os.ReadFile(filepath.Join(runDir, configFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, fmt.Errorf("pretrain: config: %s is not a run directory: %w", runDir, err)
	}
	if err != nil {
		return Config{}, fmt.Errorf("pretrain: config: %w", err)
	}
	c, err := DecodeConfig(text)
	if err != nil {
		return Config{}, fmt.Errorf("%w (in %s)", err, filepath.Join(runDir, configFile))
	}
	c.Run.Dir = runDir
	return c, nil
}
