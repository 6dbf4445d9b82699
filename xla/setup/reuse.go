package setup

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/mocotpu/mocotpu/xla/host/child"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// pinned is a file whose content is known.
type pinned struct {
	name, sha256 string
	bytes        int64
}

// reuse puts the folder tensorflow of the pinned wheel's version that this machine's Python has into work, as unpacking the
// wheel would: its headers by a link, its libraries copied. The libraries are the same in the wheels of all Pythons: only
// those with the pinned checksums count. It reports whether they were there; otherwise the wheel can be unpacked over what
// it has left.
func reuse(ctx context.Context, tensorflow wheel, libraries []pinned, work string, progress func(string)) bool {
	installed := findDistribution(ctx, tensorflow)
	if installed == "" {
		return false
	}
	for _, library := range libraries {
		if info, err := os.Stat(filepath.Join(installed, library.name)); err != nil || info.Size() != library.bytes {
			return false
		}
	}
	progress(fmt.Sprintf("copying the libraries of %s %s in %s", tensorflow.name, tensorflow.version, installed))
	dir := filepath.Join(work, "tensorflow")
	if err := takeFrom(ctx, installed, libraries, dir); err != nil {
		progress(err.Error())
		return false
	}
	return true
}

func takeFrom(ctx context.Context, installed string, libraries []pinned, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, library := range libraries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := copyPinned(library, installed, dir); err != nil {
			return err
		}
	}
	return os.Symlink(filepath.Join(installed, "include"), filepath.Join(dir, "include"))
}

// findDistribution returns the folder of that version of a package that python3 has, or "".
func findDistribution(ctx context.Context, w wheel) string {
	python, err := exec.LookPath("python3")
	if err != nil {
		return ""
	}
	const program = `import importlib.metadata, json, sys
d = importlib.metadata.distribution(sys.argv[1])
print(json.dumps([d.version, str(d.locate_file("tensorflow"))]))`
	out, err := child.Command{Args: []string{python, "-c", program, w.name}, Limit: time.Minute}.Run(ctx)
	var found [2]string
	if err != nil || json.Unmarshal(out, &found) != nil || found[0] != w.version || !filepath.IsAbs(found[1]) {
		return "" // there is none, or it cannot be told: it is downloaded
	}
	if info, err := os.Stat(filepath.Join(found[1], "include")); err != nil || !info.IsDir() {
		return ""
	}
	return found[1]
}

// copyPinned copies a file from one folder to another and checks what it has copied.
func copyPinned(p pinned, from, to string) error {
	in, err := regular.Open(filepath.Join(from, p.name))
	if err != nil {
		return err
	}
	defer in.Close()
	h := sha256.New()
	if err := write(filepath.Join(to, p.name), io.TeeReader(in, h), 0o755); err != nil {
		return err
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != p.sha256 {
		return fmt.Errorf("%s: %w: got sha256 %s, want %s", filepath.Join(from, p.name), errChecksum, got, p.sha256)
	}
	return nil
}
