package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/picture"
)

// tree makes files that hold their own names; a name with an arrow is a link.
func tree(t testing.TB, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		name, to, link := strings.Cut(name, " -> ")
		at := filepath.Join(dir, name)
		must.M(os.MkdirAll(filepath.Dir(at), 0o755))
		switch {
		case link:
			must.M(os.Symlink(to, at))
		case strings.HasSuffix(name, "/"):
			must.M(os.MkdirAll(at, 0o755))
		default:
			must.M(os.WriteFile(at, []byte(name), 0o644))
		}
	}
	return dir
}

// show writes a list as name=label.
func show(l *List) []string {
	var lines []string
	for i := range l.Len() {
		lines = append(lines, fmt.Sprintf("%s=%d", l.Name(i), l.Label(i)))
	}
	return lines
}

func TestFolders(t *testing.T) {
	for name, test := range map[string]struct {
		files   []string
		split   string
		o       Options
		want    []string
		classes []string
	}{
		"imagenet": {
			files: []string{"train/n02/b.JPEG", "train/n01/a.JPEG", "train/n01/deep/c.JPEG", "val/n01/v.JPEG", "val/n02/w.JPEG"},
			split: "train", want: []string{"n01/a.JPEG=0", "n01/deep/c.JPEG=0", "n02/b.JPEG=1"}, classes: []string{"n01", "n02"},
		},
		"imagenet val": {
			files: []string{"train/n02/b.JPEG", "train/n01/a.JPEG", "val/n02/w.JPEG"},
			split: "test", want: []string{"n02/w.JPEG=1"}, classes: []string{"n01", "n02"},
		},
		"imagenet-mini's archive": {
			files: []string{"imagenet-mini/train/n01/a.JPEG", "imagenet-mini/val/n01/v.JPEG"},
			split: "test", want: []string{"n01/v.JPEG=0"}, classes: []string{"n01"},
		},
		"kaggle's imagenet, val flat": {
			files: []string{"ILSVRC/Data/CLS-LOC/train/n01/a.JPEG", "ILSVRC/Data/CLS-LOC/val/v.JPEG"},
			split: "test", want: []string{"v.JPEG=-1"},
		},
		"capitals": {
			files: []string{"Train/n02/b.JPEG", "Train/n01/a.JPEG", "readme/r.txt", "Val/n02/w.JPEG"},
			split: "train", want: []string{"n01/a.JPEG=0", "n02/b.JPEG=1"}, classes: []string{"n01", "n02"},
		},
		"capitals, val": {
			files: []string{"TRAIN/n02/b.JPEG", "TRAIN/n01/a.JPEG", "Validation/n02/w.JPEG"},
			split: "test", want: []string{"n02/w.JPEG=1"}, classes: []string{"n01", "n02"},
		},
		"capitals, train alone":     {files: []string{"Train/n01/a.JPEG"}, split: "train", want: []string{"n01/a.JPEG=0"}, classes: []string{"n01"}},
		"a class called Train":      {files: []string{"Bus/a.jpg", "Train/b.jpg"}, split: "train", want: []string{"Bus/a.jpg=0", "Train/b.jpg=1"}, classes: []string{"Bus", "Train"}},
		"a class called test":       {files: []string{"exam/a.jpg", "test/b.jpg"}, split: "train", want: []string{"exam/a.jpg=0", "test/b.jpg=1"}, classes: []string{"exam", "test"}},
		"val alone":                 {files: []string{"Val/n01/v.JPEG", "Val/n02/w.JPEG"}, split: "test", want: []string{"n01/v.JPEG=0", "n02/w.JPEG=1"}, classes: []string{"n01", "n02"}},
		"val alone, all of it":      {files: []string{"val/n01/v.JPEG"}, split: "train", o: Options{Unlabeled: true}, want: []string{"val/n01/v.JPEG=-1"}},
		"val alone, named directly": {files: []string{"Val/n01/v.JPEG"}, split: "train/Val", want: []string{"n01/v.JPEG=0"}, classes: []string{"n01"}},
		"no splits":                 {files: []string{"cat/a.png", "dog/b.jpg"}, split: "train", want: []string{"cat/a.png=0", "dog/b.jpg=1"}, classes: []string{"cat", "dog"}},
		"flat":                      {files: []string{"b.jpeg", "a.PNG", "notes.txt", ".hidden.jpg", "._b.jpeg"}, split: "train", want: []string{"a.PNG=-1", "b.jpeg=-1"}},
		"unlabeled": {
			files: []string{"x.jpg", "cat/a.jpg", "dog/deep/b.jpg", ".git/c.jpg"}, split: "train", o: Options{Unlabeled: true},
			want: []string{"cat/a.jpg=-1", "dog/deep/b.jpg=-1", "x.jpg=-1"},
		},
		"unicode": {
			files: []string{"Ärger/猫 1.jpg", "z/ñ.jpg", "Z/b.jpg"}, split: "train",
			want: []string{"Z/b.jpg=0", "z/ñ.jpg=1", "Ärger/猫 1.jpg=2"}, classes: []string{"Z", "z", "Ärger"},
		},
		"links": {
			files: []string{"store/a.jpg", "set/train/one -> ../../store", "set/train/two/b.jpg", "set/train/two/c.jpg -> ../../../store/a.jpg"},
			split: "train/set", want: []string{"one/a.jpg=0", "two/b.jpg=1", "two/c.jpg=1"}, classes: []string{"one", "two"},
		},
		"other formats are meant as images": {files: []string{"a/x.webp", "a/y.gif"}, split: "train", want: []string{"a/x.webp=0", "a/y.gif=0"}, classes: []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			split, below, _ := strings.Cut(test.split, "/")
			l, err := Open(filepath.Join(tree(t, test.files...), below), split, test.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(l); !slices.Equal(got, test.want) || !slices.Equal(l.Classes, test.classes) {
				t.Errorf("got %v of classes %v, want %v of %v", got, l.Classes, test.want, test.classes)
			}
			content := must.M1(l.Read(0, nil))
			if !strings.HasSuffix(l.Name(0), filepath.Base(string(content))) {
				t.Errorf("%s holds %q, another file", l.Name(0), content)
			}
		})
	}
}

func TestFoldersThatCannotBeMeant(t *testing.T) {
	for name, test := range map[string]struct {
		files []string
		split string
		is    error
		want  string
	}{
		"nothing":             {nil, "train", data.ErrMissing, "no images (*.jpg, "},
		"no images":           {[]string{"a/readme.txt"}, "train", data.ErrMissing, "no images"},
		"torchvision's CIFAR": {[]string{"cifar-10-batches-py/data_batch_1"}, "train", data.ErrMissing, "the Python version of cifar10, want the binary version"},
		"a phone's images":    {[]string{"a.HEIC", "b.heic", "c.avif", "notes.txt"}, "train", data.ErrMissing, "; 3 files of .avif, .heic are not read: convert them to JPEG or PNG"},
		"a class of them":     {[]string{"a/x.jpg", "b/x.heif"}, "train", data.ErrCorrupt, "hold no image (b): remove or fill them; 1 file of .heif is not read"},
		"digits":              {[]string{"MNIST/raw/train-images-idx3-ubyte"}, "train", data.ErrMissing, "the files of mnist"},
		"empty class":         {[]string{"a/x.jpg", "b/", "c/notes.txt"}, "train", data.ErrCorrupt, "2 class folders hold no image (b, c)"},
		"images and folders":  {[]string{"x.jpg", "a/y.jpg"}, "train", data.ErrCorrupt, "images (x.jpg, ...) beside folders (a, ...)"},
		"loop":                {[]string{"a/x.jpg", "a/again -> ."}, "train", data.ErrCorrupt, "a link that leads back"},
		"loop of two":         {[]string{"a/x.jpg", "a/b/y.jpg", "a/b/up -> ../../a"}, "train", data.ErrCorrupt, "a link that leads back"},
		"class not in train":  {[]string{"train/a/x.jpg", "val/a/x.jpg", "val/b/x.jpg"}, "test", data.ErrCorrupt, "1 classes that are not in train (b)"},
		"no val":              {[]string{"train/a/x.jpg"}, "test", data.ErrMissing, "no folder val, validation, valid, test"},
		"no splits, test":     {[]string{"a/x.jpg"}, "test", data.ErrMissing, "beside a folder train"},
		"val alone":           {[]string{"val/a/x.jpg", "val/b/x.jpg"}, "train", data.ErrMissing, "a folder val of held-out images, and no folder train beside it"},
		"images beside test":  {[]string{"x.jpg", "test/y.jpg"}, "train", data.ErrCorrupt, "images (x.jpg, ...) beside folders (test, ...)"},
		"val of nothing":      {[]string{"train/a/x.jpg", "val/a/x.heic"}, "test", data.ErrCorrupt, "1 file of .heic is not read: convert it to JPEG or PNG: data files missing: put images there"},
		"val and test alone":  {[]string{"Test/a/x.jpg", "valid/a/x.jpg"}, "train", data.ErrMissing, "a folder valid of held-out images"},
		"train twice":         {[]string{"train/a/x.jpg", "Train/a/y.jpg", "val/a/z.jpg"}, "test", data.ErrCorrupt, "folders Train and train, which differ in case alone"},
		"val twice":           {[]string{"train/a/x.jpg", "VAL/a/y.jpg", "val/a/z.jpg"}, "train", data.ErrCorrupt, "folders VAL and val, which differ in case alone"},
		"class name not utf8": {[]string{"a/x.jpg", "b\xff/x.jpg"}, "train", data.ErrCorrupt, "not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(tree(t, test.files...), test.split, Options{})
			if !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %v that says %q", err, test.is, test.want)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), "train", Options{}); !errors.Is(err, data.ErrMissing) {
		t.Errorf("error %v, want ErrMissing for a folder that is not there", err)
	}
}

// Files that torchvision passes over, and nobody means to leave out, are counted, wherever they are below the folder.
func TestSkipped(t *testing.T) {
	dir := tree(t, "a/x.jpg", "a/x.HEIC", "b/y.jpg", "b/deep/y.heif", "b/z.avif", "b/.hidden.heic", "b/notes.txt")
	const want = "3 files of .avif, .heic, .heif are not read: convert them to JPEG or PNG"
	for name, l := range map[string]*List{
		"classes": must.M1(Open(dir, "train", Options{})), "without": must.M1(Open(dir, "train", Options{Unlabeled: true})), "paths": must.M1(Paths([]string{dir})),
	} {
		if got := l.Skipped(); got != want || l.Len() != 2 {
			t.Errorf("%s: %q beside %d images, want %q and 2", name, got, l.Len(), want)
		}
	}
	if got := must.M1(Open(tree(t, "x.jpg", "notes.txt"), "train", Options{})).Skipped(); got != "" {
		t.Errorf("%q where there are none", got)
	}
}

// TestLinksToNowhere are for the reader of the image to report, as are files that are not there any more.
func TestLinksToNowhere(t *testing.T) {
	l := must.M1(Open(tree(t, "a/gone.jpg -> nowhere.jpg", "a/self.jpg -> self.jpg", "a/there.jpg"), "train", Options{}))
	if l.Len() != 3 {
		t.Fatalf("got %v, want all three", show(l))
	}
	for i, broken := range []bool{true, true, false} {
		if _, err := l.Read(i, nil); (err != nil) != broken {
			t.Errorf("%s: error %v, want one: %t", l.Name(i), err, broken)
		}
	}
}

func TestReadKeepsMemory(t *testing.T) {
	l := must.M1(Open(tree(t, "a/long name of a file.jpg", "a/x.jpg"), "train", Options{}))
	buf := must.M1(l.Read(0, nil))
	again := must.M1(l.Read(1, buf))
	if &buf[0] != &again[0] || string(again) != "a/x.jpg" {
		t.Errorf("got %q in other memory, want a/x.jpg in the buffer given", again)
	}
}

func TestFingerprintSeesNamesClassesAndSizes(t *testing.T) {
	of := func(files ...string) string {
		return must.M1(must.M1(Open(tree(t, files...), "train", Options{})).Fingerprint())
	}
	base := of("a/x.jpg", "b/y.jpg")
	if of("a/x.jpg", "b/y.jpg") != base {
		t.Error("the same files in another folder have another fingerprint")
	}
	if of("a/x.jpg", "b/z.jpg") == base || of("a/x.jpg", "c/y.jpg") == base {
		t.Error("other names have the same fingerprint")
	}
	dir := tree(t, "a/x.jpg", "b/y.jpg")
	must.M(os.WriteFile(filepath.Join(dir, "b/y.jpg"), []byte("longer than its name"), 0o644))
	if must.M1(must.M1(Open(dir, "train", Options{})).Fingerprint()) == base {
		t.Error("another size has the same fingerprint")
	}
}

func TestTally(t *testing.T) {
	names := make([]string, 250)
	for i := range names {
		names[i] = fmt.Sprintf("a/%03d.jpg", i)
	}
	var told []Broken
	c := NewTally(must.M1(Open(tree(t, names...), "train", Options{})), func(b Broken) { told = append(told, b) })
	for _, i := range []int{9, 4, 9} {
		if err := c.Add(i, errors.New("cut")); err != nil {
			t.Fatalf("two of 250 images are broken, and the error is %v, want none", err)
		}
	}
	if want := []Broken{{"a/009.jpg", "cut"}, {"a/004.jpg", "cut"}}; !reflect.DeepEqual(told, want) {
		t.Errorf("told %v, want %v, each once", told, want)
	}
	if err := c.Add(11, errors.New("cut")); !errors.Is(err, data.ErrCorrupt) || !strings.Contains(err.Error(), "3 of 250 images are broken") {
		t.Errorf("error %v, want one for three of 250", err)
	}
	w := must.M1(NewWorker(picture.Canvas{Size: 4}, picture.Go))
	defer w.Close()
	dir := tree(t, "a/x.gif")
	must.M(os.WriteFile(filepath.Join(dir, "a/x.gif"), []byte("GIF89a"), 0o644))
	l := must.M1(Open(dir, "train", Options{}))
	_, unread := w.Decode(l, make([]uint8, 3*4*4), 0)
	err := NewTally(l, nil).Add(0, unread)
	if !errors.Is(err, data.ErrUnread) || errors.Is(err, data.ErrCorrupt) || !strings.Contains(err.Error(), "want JPEG, PNG") || !strings.Contains(err.Error(), "convert or remove") {
		t.Errorf("of a kind that is not read: error %v, want what to do, and not that the file is corrupt", err)
	}
}
