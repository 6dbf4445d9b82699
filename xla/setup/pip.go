package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

var (
	// ErrNoPython means that there is no python3.
	ErrNoPython = errors.New("python3 not found, install it with `apt-get install python3 python3-pip`")

	// ErrNoPip means that python3 has no pip.
	ErrNoPip = errors.New("python3 has no pip, install it with `apt-get install python3-pip`")

	// ErrNetwork means that pip reached no index that has the package.
	ErrNetwork = errors.New("the package index cannot be reached, or lacks the package: check the network, " +
		"and pip's settings with `python3 -m pip config list`")
)

// pip runs python3 -m pip with the user's configuration. Its temporary files go to dir; what has arrived of them is
// told to progress, in bytes.
func pip(ctx context.Context, dir string, progress func(bytes int64), args ...string) error {
	python, err := exec.LookPath("python3")
	if err != nil {
		return ErrNoPython
	}
	if err := exec.CommandContext(ctx, python, "-m", "pip", "--version").Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return ErrNoPip
	}
	args = append([]string{"-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"}, args...)
	cmd := exec.CommandContext(ctx, python, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "LC_ALL=C.UTF-8")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	stop := watchSize(dir, progress)
	err = cmd.Run()
	stop()
	switch text := strings.TrimSpace(output.String()); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(text, "No matching distribution") || strings.Contains(text, "connection"):
		return fmt.Errorf("%w; pip says: %s", ErrNetwork, lastLines(text, 2))
	default:
		return fmt.Errorf("pip: %w: %s", err, lastLines(text, 4))
	}
}

// watchSize tells progress the size of all files under dir, every two seconds, until the function it returns is called.
func watchSize(dir string, progress func(bytes int64)) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(2 * time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
				progress(treeSize(dir))
			}
		}
	}()
	return func() { close(quit); <-done }
}

func treeSize(dir string) (size int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // files come and go while pip works
		}
		if info, err := d.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	return size
}

func lastLines(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
