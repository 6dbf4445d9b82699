package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/mocotpu/mocotpu/xla/host/child"
)

var (
	// errNoPython means that there is no python3.
	errNoPython = errors.New("python3 not found, install it with `apt-get install python3 python3-pip`")

	// errNoPip means that python3 has no pip.
	errNoPip = errors.New("python3 has no pip, install it with `apt-get install python3-pip`")

	// errNetwork means that pip reached no index that has the package.
	errNetwork = errors.New("the package index cannot be reached, or lacks the package: check the network, " +
		"and pip's settings with `python3 -m pip config list`")
)

// pipLimit is longer than any call of pip takes: 2.5 GB need an hour at 6 Mbit/s.
const pipLimit = time.Hour

// resumeRetries is how often pip takes up a download that broke off where it was. That is pip 25.1 and newer; 25.1 does not by
// itself, and an older one ignores the variable (https://pip.pypa.io/en/stable/news/).
const resumeRetries = "PIP_RESUME_RETRIES"

// pip runs python3 -m pip with the user's configuration. Its temporary files go to dir; progress receives their
// size in bytes as they grow.
func pip(ctx context.Context, dir string, progress func(bytes int64), args ...string) error {
	python, err := exec.LookPath("python3")
	if err != nil {
		return errNoPython
	}
	var failed *child.Error
	_, err = child.Command{Args: []string{python, "-m", "pip", "--version"}, Limit: time.Minute}.Run(ctx)
	if errors.As(err, &failed) {
		return errNoPip
	}
	if err != nil {
		return err
	}
	stop := watchSize(dir, progress)
	env := []string{"TMPDIR=" + dir, "LC_ALL=C.UTF-8"}
	if os.Getenv(resumeRetries) == "" {
		env = append(env, resumeRetries+"=5")
	}
	_, err = child.Command{
		Args:  append([]string{python, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"}, args...),
		Env:   env,
		Limit: pipLimit,
	}.Run(ctx)
	stop()
	if !errors.As(err, &failed) {
		return err
	}
	text := strings.TrimSpace(failed.Words)
	if strings.Contains(text, "No matching distribution") || strings.Contains(text, "connection") {
		return fmt.Errorf("%w; pip says: %s", errNetwork, lastLines(text, 2))
	}
	return fmt.Errorf("pip: %w: %s", failed.Err, lastLines(text, 4))
}

// watchSize calls progress with the size of all files under dir every two seconds, until the function it returns is called.
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
