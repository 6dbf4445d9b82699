package packed

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// folderOf is where a split is packed, by the split's name.
var folderOf = map[string]string{"train": "train", "test": "val"}

// PackSplit packs a split, "train" or "test", of the folder from, as [files.Open] takes them, into train or val of the folder
// to, whose name it returns. The error is as of [Pack], or files.Open's, or settings.ErrInvalid for a folder within the one read.
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
	if o.Note != nil {
		o.Note(fmt.Sprintf("%s: %d images, %s, decoder %s", list.Dir, list.Len(), Meta{Canvas: o.Canvas, Channels: o.Channels, Window: o.Window}.canvas(), o.Library))
	}
	m, err = Pack(ctx, list, out, o)
	return out, m, err
}
