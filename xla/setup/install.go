package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/mocotpu/mocotpu/xla/host/durable"
)

// Options of Install.
type Options struct {
	// Plugin is the path of a plugin that the machine has already: it is checked and recorded, nothing is downloaded,
	// and the file stays where it is. Default: install one.
	Plugin string

	// CompileOnly, for cuda, installs what compiling needs: the plugin, ptxas and libdevice. It is enough to compile for GPUs
	// that are not there; the engine does not open with it. Where the whole engine is installed, which compiles, too, nothing
	// is done.
	CompileOnly bool

	// Progress receives a sentence for the user as work goes on, several times a minute during a download. Default: none.
	Progress func(string)
}

// Install installs the plugin of an engine, or does nothing (without network) where what it would install is there and loads.
// A plugin recorded with Options.Plugin counts as there as long as its file does; where it does not load, that is an error.
//
// cpu takes 313 MB to download (39 where python3 has tensorflow-cpu of cpuplugin.TensorFlowVersion), 1.7 GB of disk while
// it builds and 910 MB after; cuda 2.5 GB, 5 GB and 4 GB, to compile only 247 MB, 750 MB and 440 MB; tpu 137 MB, 750 MB
// and 470 MB. Two processes that install at once take turns.
func Install(ctx context.Context, engine string, o Options) (Plugin, error) {
	if !slices.Contains(Engines, engine) {
		return Plugin{}, unknownEngine(engine)
	}
	if o.CompileOnly && (engine != "cuda" || o.Plugin != "") {
		return Plugin{}, fmt.Errorf("setup: engine %s: to compile only is for cuda, and without a plugin of this machine", engine)
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	p, err := install(ctx, engine, o)
	if err != nil {
		return Plugin{}, fmt.Errorf("setup: engine %s: %w", engine, err)
	}
	return p, nil
}

func install(ctx context.Context, engine string, o Options) (Plugin, error) {
	if o.Plugin == "" && runtime.GOOS+"/"+runtime.GOARCH != "linux/amd64" {
		return Plugin{}, fmt.Errorf("there are plugins for linux/amd64 only, this is %s/%s: use one the machine has with "+
			"--plugin, or the engine go", runtime.GOOS, runtime.GOARCH)
	}
	dir, err := engineDir(engine)
	if err != nil {
		return Plugin{}, err
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return Plugin{}, err
	}
	unlock, err := lock(ctx, parent, engine, o.Progress)
	if err != nil {
		return Plugin{}, err
	}
	defer unlock()
	if err := putBack(parent, engine); err != nil {
		return Plugin{}, err
	}

	var ways []way
	if o.Plugin != "" {
		ways = []way{userPlugin(o.Plugin)}
	} else if ways = waysOf(engine, false); upToDate(engine, dir, ways) || o.CompileOnly && upToDate(engine, dir, waysOf(engine, true)) {
		p, _, err := installed(engine)
		if err != nil {
			return p, err
		}
		m, _ := readMarker(dir) // which was read just now
		switch err := checkLoads(ctx, p.Path); {
		case err == nil:
			return p, nil
		case ctx.Err() != nil || errors.Is(err, errNotPlugin) && m.Recipe == userRecipe:
			return p, err
		case !errors.Is(err, errNotPlugin): // it takes long, on a slow disk
			return p, nil
		}
		if m.CompileOnly {
			ways = waysOf(engine, true)
		}
		o.Progress(p.Path + " does not load: it is installed again")
	} else {
		ways = waysOf(engine, o.CompileOnly)
	}
	removeLeftovers(parent, engine)
	var failed error
	for i, w := range ways {
		err := w.run(ctx, parent, engine, o.Progress)
		if err == nil {
			p, _, err := installed(engine)
			return p, err
		}
		failed = errors.Join(failed, err)
		if ctx.Err() != nil {
			break
		}
		if i+1 < len(ways) {
			o.Progress(err.Error())
		}
	}
	return Plugin{}, failed
}

// way is one way to get a plugin.
type way struct {
	version, recipe string
	compileOnly     bool
	disk            int64 // bytes needed while it runs
	// possible returns what the machine lacks for it, or nil, before anything is downloaded.
	possible func() error
	// fill puts all that is needed into dir; it returns the plugin's path, relative to dir or absolute, and the
	// checksums of what it was made of.
	fill func(ctx context.Context, dir string, progress func(string)) (path string, files map[string]string, err error)
}

// run makes the installation in a folder beside the final one and puts it in place.
func (w way) run(ctx context.Context, parent, engine string, progress func(string)) error {
	if w.possible != nil {
		if err := w.possible(); err != nil {
			return err
		}
	}
	if err := checkDisk(parent, w.disk); err != nil {
		return err
	}
	stage, err := os.MkdirTemp(parent, "."+engine+"-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	if err := os.Chmod(stage, 0o755); err != nil {
		return err
	}
	path, files, err := w.fill(ctx, stage, progress)
	if err != nil {
		return err
	}
	full := path
	if !filepath.IsAbs(path) {
		full = filepath.Join(stage, path)
	}
	if err := CheckFile(full); err != nil {
		return err
	}
	if err := checkLoads(ctx, full); err != nil {
		return err
	}
	if err := writeMarker(stage, marker{Version: w.version, Recipe: w.recipe, Path: path, CompileOnly: w.compileOnly, Files: files}); err != nil {
		return err
	}
	syncDisks() // a power failure must not leave the marker without the libraries
	return replace(stage, filepath.Join(parent, engine))
}

// replace puts a folder in the place of another one.
func replace(stage, dir string) error {
	disk, old := durable.Disk{}, stage+".old"
	err := disk.Rename(dir, old)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := durable.Rename(disk, stage, dir); err != nil {
		return errors.Join(err, disk.Rename(old, dir))
	}
	_ = disk.RemoveAll(old) // a process that has it open may keep files of it on a network's disk: the next installation tries again
	return nil
}

// putBack puts in place what an installation had ready, or had taken away, when it was killed. The caller has the lock.
func putBack(parent, engine string) error {
	dir := filepath.Join(parent, engine)
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	left, err := filepath.Glob(filepath.Join(parent, "."+engine+"-*"))
	for _, path := range left { // the new one comes before its .old
		if _, unmarked := readMarker(path); unmarked == nil {
			return durable.Rename(durable.Disk{}, path, dir)
		}
	}
	return err
}

// upToDate reports whether the installed plugin is the user's own, or what the first way possible here would install.
func upToDate(engine, dir string, ways []way) bool {
	if _, ok, _ := installed(engine); !ok {
		return false
	}
	m, err := readMarker(dir)
	if err != nil {
		return false
	}
	for _, w := range ways {
		if w.possible == nil || w.possible() == nil {
			return m.Recipe == userRecipe || m.Recipe == w.recipe
		}
	}
	return false
}

// removeLeftovers removes what interrupted installations left, as far as it can. The caller has the lock.
func removeLeftovers(parent, engine string) {
	left, _ := filepath.Glob(filepath.Join(parent, "."+engine+"-*")) // the pattern is right
	for _, path := range left {
		_ = os.RemoveAll(path)
	}
}
