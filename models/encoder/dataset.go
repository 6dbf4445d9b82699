package encoder

import (
	"fmt"

	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// DataSet is the data set to show the encoder. With name and dir empty it is the one that it was trained on. The name,
// of --data, is that of another one, or a folder of images; dir, of --data-dir, is the folder of the set's files: see
// [dataset.Config.With]. It opens no image. The error is [settings.ErrInvalid].
func (w *Weights) DataSet(name, dir string) (dataset.Config, error) {
	var own dataset.Config
	switch {
	case w.Run != nil:
		own = w.Run.Data
		own.Unlabeled = own.Unlabeled && name == "" // another folder may have classes
	case w.Manifest.Source.Data != "":
		// A file's word is no path: it names a kind, or nothing.
		if named, ok := dataset.Named(w.Manifest.Source.Data); ok {
			own = named
		}
	}
	if w.Run == nil {
		own.Channels = w.Manifest.Network.Channels
		if own.Kind == "folder" || own.Kind == "" {
			own.Window = w.Manifest.Input.Window.String()
		}
	}
	c, err := own.With(name, dir)
	switch {
	case err != nil:
		return c, err
	case c.Kind == "":
		return c, fmt.Errorf("encoder: %w: %s does not say which data it was trained on: want --data", settings.ErrInvalid, w.Path)
	case c.Kind == "folder" && c.Dir == "":
		return c, fmt.Errorf("encoder: %w: the folder of the images is not known: want --data=FOLDER", settings.ErrInvalid)
	}
	return c, nil
}
