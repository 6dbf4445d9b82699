package files

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mocotpu/mocotpu/models/data"
)

// openFolder lists a folder of class folders or of images. classes, where it is not nil, are the class names to number by.
func openFolder(dir string, classes []string, o Options) (*List, error) {
	l := &List{Dir: dir}
	entries, err := visible(dir)
	if err != nil {
		return nil, err
	}
	var folders, images []string
	for _, e := range entries {
		switch {
		case e.folder:
			folders = append(folders, e.name)
		case IsImage(e.name):
			images = append(images, e.name)
		}
	}
	w := walker{list: l}
	switch {
	case o.Unlabeled || len(folders) == 0:
		err = w.walk("", false, 0)
	case len(images) > 0:
		return nil, corrupt(dir, "images (%s, ...) beside folders (%s, ...): move them into folders of their classes, or take all of them without classes (--unlabeled)",
			images[0], folders[0])
	default:
		err = w.classes(folders, classes)
	}
	if err != nil {
		return nil, err
	}
	if l.Len() == 0 {
		return nil, missing(dir, noImages(dir, l))
	}
	return l, nil
}

// noImages is what is wrong with a folder of which a list has none.
func noImages(dir string, l *List) string {
	return withSkipped(cmp.Or(data.Published(dir), "no images (*"+strings.Join(extensions, ", *")+")"), l)
}

// withSkipped is a problem with the files that were passed over.
func withSkipped(problem string, l *List) string {
	if others := l.Skipped(); others != "" {
		problem += "; " + others
	}
	return problem
}

// classFolders returns the names of the classes that a folder has folders of; nil where it has none.
func classFolders(dir string) ([]string, error) {
	entries, err := visible(dir)
	if err != nil {
		return nil, err
	}
	var classes []string
	for _, e := range entries {
		if e.folder {
			classes = append(classes, e.name)
		}
	}
	return classes, nil
}

// walker adds the images below a folder to a list.
type walker struct {
	list *List
	// above are the folders that the walk is in, to notice a link that leads back.
	above []os.FileInfo
}

// classes walks one folder after the other. Their numbers are their places in numbered, or among themselves.
func (w *walker) classes(folders, numbered []string) error {
	if numbered == nil {
		numbered = folders
	}
	var empty, unknown []string
	for _, name := range folders {
		label := slices.Index(numbered, name)
		if label < 0 {
			unknown = append(unknown, name)
			continue
		}
		if !utf8.ValidString(name) {
			return corrupt(w.list.Dir, "class folder %q is not UTF-8: rename it", name)
		}
		before := w.list.Len()
		if err := w.walk(name, true, int32(label)); err != nil {
			return err
		}
		if w.list.Len() == before {
			empty = append(empty, name)
		}
	}
	if len(unknown) > 0 {
		return corrupt(w.list.Dir, "%d classes that are not in train (%s): want those of train", len(unknown), some(unknown))
	}
	if len(empty) > 0 && w.list.Len() > 0 {
		return corrupt(w.list.Dir, "%s", withSkipped(fmt.Sprintf("%d class folders hold no image (%s): remove or fill them", len(empty), some(empty)), w.list))
	}
	w.list.Classes = numbered
	return nil
}

// some returns the first few names, as text.
func some(names []string) string {
	if len(names) > 5 {
		return strings.Join(names[:5], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

// walk adds all images below the folder name, itself below the list's, in the order of their names.
func (w *walker) walk(name string, labeled bool, label int32) error {
	at := filepath.Join(w.list.Dir, filepath.FromSlash(name))
	info, err := os.Stat(at)
	if err != nil {
		return fmt.Errorf("files: %w", err)
	}
	for _, outer := range w.above {
		if os.SameFile(outer, info) {
			return corrupt(at, "a link that leads back to a folder it is in: remove it")
		}
	}
	w.above = append(w.above, info)
	defer func() { w.above = w.above[:len(w.above)-1] }()
	entries, err := visible(at)
	if err != nil {
		return err
	}
	for _, e := range entries {
		below := path.Join(name, e.name)
		if e.folder {
			if err := w.walk(below, labeled, label); err != nil {
				return err
			}
		} else if IsImage(e.name) {
			w.list.add(below, label, labeled)
		} else {
			w.list.skip(e.name)
		}
	}
	return nil
}

type entry struct {
	name   string
	folder bool
}

// visible reads a folder, in the order of the names. Links count as what they lead to; one that leads nowhere as a file, whose reader will say so.
func visible(dir string) ([]entry, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	entries := make([]entry, 0, len(list))
	for _, e := range list {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		folder := e.IsDir()
		if e.Type()&os.ModeSymlink != 0 {
			info, err := os.Stat(filepath.Join(dir, e.Name()))
			if err != nil && errors.Is(err, os.ErrPermission) {
				return nil, fmt.Errorf("files: %w", err)
			}
			folder = err == nil && info.IsDir()
		}
		entries = append(entries, entry{e.Name(), folder})
	}
	return entries, nil
}
