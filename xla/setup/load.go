package setup

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/mocotpu/mocotpu/xla/host/child"
)

// checkLoads loads a plugin in a child process, as a bad one may take its process down, and looks up its entry point.
// The child is python3: without it, or its ctypes, nothing is checked. The error is errNotPlugin where the child has ended, and not where it took
// too long or did not start.
func checkLoads(ctx context.Context, path string) error {
	python, err := exec.LookPath("python3")
	if err != nil {
		return nil
	}
	const program = "import sys, importlib.util; importlib.util.find_spec('_ctypes') and __import__('ctypes').CDLL(sys.argv[1]).GetPjrtApi"
	_, err = child.Command{Args: []string{python, "-c", program, path}, Limit: time.Minute}.Run(ctx)
	var failed *child.Error
	var ended *exec.ExitError
	if errors.As(err, &failed) && errors.As(failed.Err, &ended) && ended.Exited() {
		return fmt.Errorf("%s does not load: %w: %w: %s", path, errNotPlugin, failed.Err, lastLines(strings.TrimSpace(failed.Words), 2))
	}
	return err
}
