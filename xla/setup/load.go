package setup

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"time"
)

// checkLoads loads a plugin in a child process, as a bad one may take its process down, and looks up its entry point.
// The child is python3: without it nothing is checked.
func checkLoads(ctx context.Context, path string) error {
	python, err := exec.LookPath("python3")
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	const program = "import ctypes, sys; ctypes.CDLL(sys.argv[1]).GetPjrtApi"
	cmd := exec.CommandContext(ctx, python, "-c", program, path)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s does not load: %w: %s", path, ErrNotPlugin, lastLines(output.String(), 2))
	}
	return nil
}
