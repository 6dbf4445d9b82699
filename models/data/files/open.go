package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/models/data"
)

// Options vary what is listed. The zero value is right for most.
type Options struct {
	// Unlabeled takes every image below the folder, and no classes.
	Unlabeled bool
	// TempDir is where compressed shards are unpacked, into files that have no name and end with the list. Default: os.TempDir.
	TempDir string
}

// extensions are those that torchvision takes as images, and gif. Files that cannot be read are reported as broken, not skipped.
var extensions = []string{".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp", ".gif"}

// unread are those of them that no decoder here reads.
var unread = []string{".ppm", ".pgm", ".gif"}

// skipped are those of images that torchvision passes over, too. They are counted, for nobody means to leave them out.
var skipped = []string{".heic", ".heif", ".avif"}

// IsImage tells by a name whether a file is listed as an image.
func IsImage(name string) bool {
	return slices.Contains(extensions, extensionOf(name))
}

func extensionOf(name string) string { return strings.ToLower(filepath.Ext(name)) }

// roots are the folders below the given one in which published archives keep train and val.
var roots = []string{"", "imagenet-mini", "ILSVRC/Data/CLS-LOC"}

// splitNames are the names of each split, the usual one first.
var splitNames = map[string][]string{"train": {"train"}, "test": {"val", "validation", "valid", "test"}}

// Open lists the images of split "train" or "test" in a folder, or of a single shard. Test's classes are numbered as train's.
func Open(dir, split string, o Options) (*List, error) {
	if splitNames[split] == nil {
		return nil, fmt.Errorf("files: split %q, want train or test", split)
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, missing(dir, "no such folder")
	case err != nil:
		return nil, fmt.Errorf("files: %w", err)
	case !info.IsDir() && isShard(dir) && split == "train":
		return openShards(filepath.Dir(dir), []string{filepath.Base(dir)}, o)
	case !info.IsDir():
		return nil, missing(dir, "it is a file: want a folder, or for train a .tar")
	}
	var heldOut splits // of a folder that has no others, dir itself
	for _, root := range roots {
		found, err := splitsIn(filepath.Join(dir, filepath.FromSlash(root)))
		if err != nil {
			return nil, err
		}
		if found.folders["train"] != nil {
			return found.open(split, o)
		}
		if root == "" {
			heldOut = found
		}
	}
	shards, err := shardsIn(dir)
	if err != nil {
		return nil, err
	}
	if len(shards) > 0 {
		chosen := slices.DeleteFunc(shards, func(name string) bool { return splitOf(name) != split })
		if len(chosen) == 0 {
			return nil, missing(dir, "no shards of split "+split)
		}
		return openShards(dir, chosen, o)
	}
	if heldOut.folders != nil && !o.Unlabeled { // with which all images below dir are asked for
		return heldOut.open(split, o)
	}
	if split != "train" {
		return nil, missing(dir, "no folder "+strings.Join(splitNames[split], ", ")+" beside a folder train")
	}
	return openFolder(dir, nil, o)
}

// splits are the folders of splits in a folder.
type splits struct {
	at string
	// folders are the names that a split's folder has there, in any case, by its name in lower case. nil where the folders are no splits.
	folders map[string][]string
}

// splitsIn looks for folders of splits. Folders of held-out images alone count where there are no others. A class may be called
// Train, too: among folders of other names it is a split's where held-out images are beside it, or it is train in lower case.
func splitsIn(at string) (splits, error) {
	if !isDir(at) {
		return splits{}, nil
	}
	entries, err := os.ReadDir(at)
	if err != nil {
		return splits{}, fmt.Errorf("files: %w", err)
	}
	folders := map[string][]string{}
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		if (name == "train" || slices.Contains(splitNames["test"], name)) && isDir(filepath.Join(at, e.Name())) {
			folders[name] = append(folders[name], e.Name())
		}
	}
	train := folders["train"]
	loose := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !e.IsDir() && IsImage(e.Name()) })
	if len(folders) == 0 || train == nil && loose { // images of the folder itself, and a class of that name
		return splits{}, nil
	}
	if slices.Contains(train, "train") || train != nil && len(folders) > 1 {
		return splits{at, folders}, nil
	}
	all, err := classFolders(at)
	if err != nil || slices.ContainsFunc(all, func(name string) bool { return folders[strings.ToLower(name)] == nil }) {
		return splits{}, err
	}
	return splits{at, folders}, nil
}

// folder is the path of a split's folder, "" where there is none.
func (s splits) folder(split string) (string, error) {
	for _, name := range splitNames[split] {
		switch names := s.folders[name]; len(names) {
		case 0:
		case 1:
			return filepath.Join(s.at, names[0]), nil
		default:
			return "", corrupt(s.at, "folders %s, which differ in case alone: want one of them, with all images of the split", strings.Join(names, " and "))
		}
	}
	return "", nil
}

// open opens a split.
func (s splits) open(split string, o Options) (*List, error) {
	train, err := s.folder("train")
	if err != nil {
		return nil, err
	}
	test, err := s.folder("test")
	if err != nil {
		return nil, err
	}
	folder := map[string]string{"train": train, "test": test}[split]
	switch {
	case folder == "" && split == "train":
		return nil, missing(s.at, fmt.Sprintf("a folder %s of held-out images, and no folder train beside it: name %s itself to train on its images", filepath.Base(test), test))
	case folder == "":
		return nil, missing(s.at, "no folder "+strings.Join(splitNames[split], ", "))
	}
	shards, err := shardsIn(folder)
	if err != nil {
		return nil, err
	}
	if len(shards) > 0 {
		return openShards(folder, shards, o)
	}
	var classes []string
	if split != "train" && train != "" && !o.Unlabeled {
		if classes, err = classFolders(train); err != nil {
			return nil, err
		}
	}
	list, err := openFolder(folder, classes, o)
	if split != "train" && errors.Is(err, data.ErrMissing) { // a folder that is there means to hold some
		return nil, fmt.Errorf("%v: put images there, or take the folder away: %w", err, data.ErrCorrupt)
	}
	return list, err
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// shardsIn returns the names of the shards in a folder, in order.
func shardsIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	var shards []string
	for _, e := range entries {
		if isShard(e.Name()) && !strings.HasPrefix(e.Name(), ".") && !isDir(filepath.Join(dir, e.Name())) {
			shards = append(shards, e.Name())
		}
	}
	return shards, nil
}

func isShard(name string) bool {
	return slices.ContainsFunc([]string{".tar", ".tar.gz", ".tgz"}, func(end string) bool { return strings.HasSuffix(name, end) })
}

// splitOf returns the split that a shard's name says: imagenet-val-000012.tar is test.
func splitOf(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r < 'a' || r > 'z' })
	if slices.ContainsFunc(words, func(w string) bool { return slices.Contains(splitNames["test"], w) }) {
		return "test"
	}
	return "train"
}

func missing(dir, what string) error {
	return fmt.Errorf("files: %s: %s: %w", dir, what, data.ErrMissing)
}

func corrupt(name, format string, args ...any) error {
	return fmt.Errorf("files: %s: %s: %w", name, fmt.Sprintf(format, args...), data.ErrCorrupt)
}
