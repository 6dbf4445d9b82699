package packed

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/mocotpu/mocotpu/models/data/files"
)

// folderOf is where a split is packed, by the split's name.
var folderOf = map[string]string{"train": "train", "test": "val"}

// PackSplit packs a split, "train" or "test", of the folder from, as [files.Open] takes them, into train or val of the folder
// to, whose name it returns. The error is as of [Pack], or files.Open's.
func PackSplit(ctx context.Context, from, to, split string, f files.Options, o Options) (out string, m Meta, err error) {
	list, err := files.Open(from, split, f)
	if err != nil {
		return "", Meta{}, err
	}
	defer list.Close()
	out = filepath.Join(to, folderOf[split])
	if o.Note != nil {
		o.Note(fmt.Sprintf("%s: %d images, %s, decoder %s", list.Dir, list.Len(), Meta{Canvas: o.Canvas, Channels: o.Channels, Window: o.Window}.canvas(), o.Library))
	}
	m, err = Pack(ctx, list, out, o)
	return out, m, err
}
