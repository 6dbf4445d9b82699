package packed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// folderOf is where a split is packed, by the split's name.
var folderOf = map[string]string{"train": "train", "test": "val"}

// PackSplit packs a split, "train" or "test", of the folder from, as [files.Open] takes them, into train or val of the folder
// to, whose name it returns. The folder to holds nothing else: what is not a packed split, or one that Pack has begun, is an
// [ErrExists]. The error is as of [Pack], or files.Open's, or settings.ErrInvalid for a folder within the one read.
func PackSplit(ctx context.Context, from, to, split string, f files.Options, o Options) (out string, m Meta, err error) {
	list, err := files.Open(from, split, f)
	if err != nil {
		return "", Meta{}, err
	}
	defer list.Close()
	out = filepath.Join(to, folderOf[split])
	if err := durable.Outside(list.Dir, out); err != nil && !list.OfShards() { // which are not looked for below
		return "", Meta{}, settings.Invalid(fmt.Errorf("packed: %w", err))
	}
	if err := onlyOurs(to); err != nil {
		return "", Meta{}, err
	}
	if o.Note != nil {
		o.Note(fmt.Sprintf("%s: %d images, %s, decoder %s", list.Dir, list.Len(), Meta{Canvas: o.Canvas, Channels: o.Channels, Window: o.Window}.canvas(), o.Library))
	}
	m, err = Pack(ctx, list, out, o)
	return out, m, err
}

// onlyOurs refuses a folder that holds images beside our splits, or folders of them, since whoever reads a folder with packed
// splits passes over the rest. Names that start with a dot, and lost+found, are the system's. A folder that is not there
// holds nothing.
func onlyOurs(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("packed: %w", err)
	}
	ours := map[string]bool{}
	for _, folder := range folderOf {
		ours[folder+partSuffix] = true
		ours[folder] = Is(filepath.Join(dir, folder))
	}
	for _, e := range entries {
		name := e.Name()
		other := e.IsDir() && name != "lost+found" || files.IsImage(name)
		if other && !ours[name] && !strings.HasPrefix(name, ".") {
			return fmt.Errorf("packed: %s: %w: it holds %s, which is no packed set: choose a new folder, or move what is in it away", dir, ErrExists, name)
		}
	}
	return nil
}
