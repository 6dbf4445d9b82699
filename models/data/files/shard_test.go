package files

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data"
)

// shard is a tar file of members that hold their own names, or what stands behind the equals sign.
func shard(members ...string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		name, content, given := strings.Cut(m, "=")
		if !given {
			content = name
		}
		kind := byte(tar.TypeReg)
		if strings.HasSuffix(name, "/") {
			kind, content = tar.TypeDir, ""
		}
		must.M(w.WriteHeader(&tar.Header{Typeflag: kind, Name: name, Size: int64(len(content)), Mode: 0o644}))
		must.M1(io.WriteString(w, content))
	}
	must.M(w.Close())
	return b.Bytes()
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	must.M1(w.Write(b))
	must.M(w.Close())
	return out.Bytes()
}

func put(t testing.TB, dir, name string, content []byte) {
	t.Helper()
	at := filepath.Join(dir, name)
	must.M(os.MkdirAll(filepath.Dir(at), 0o755))
	must.M(os.WriteFile(at, content, 0o644))
}

func TestShards(t *testing.T) {
	first := shard("0001.jpg", "0001.cls=3", "0001.json={}", "0002.cls=0\n", "0002.png", "sub/", "sub/0003.jpg", "sub/0003.cls=1", "sub/._0003.jpg")
	long := strings.Repeat("n", 150) + ".jpg" // takes a PAX record
	second := shard(long, strings.Repeat("n", 150)+".cls=2")
	want := []string{
		"set-train-000.tar:0001.jpg=3", "set-train-000.tar:0002.png=0", "set-train-000.tar:sub/0003.jpg=1", "set-train-001.tar.gz:" + long + "=2",
	}
	dir := t.TempDir()
	put(t, dir, "set-train-000.tar", first)
	put(t, dir, "set-train-001.tar.gz", gzipped(second))
	put(t, dir, "set-val-000.tar", shard("v.jpg", "v.cls=1"))
	l := must.M1(Open(dir, "train", Options{TempDir: t.TempDir()}))
	if got := show(l); !slices.Equal(got, want) || !slices.Equal(l.Classes, []string{"0", "1", "2", "3"}) {
		t.Errorf("got %v of classes %v, want %v of 0 to 3", got, l.Classes, want)
	}
	for i := range l.Len() {
		_, member, _ := strings.Cut(l.Name(i), ":")
		if content := must.M1(l.Read(i, nil)); string(content) != member {
			t.Errorf("%s holds %q, want its own name", l.Name(i), content)
		}
	}
	must.M(l.Close())
	test := must.M1(Open(dir, "test", Options{}))
	if got := show(test); !slices.Equal(got, []string{"set-val-000.tar:v.jpg=1"}) {
		t.Errorf("test is %v, want the val shard", got)
	}
	unlabeled := must.M1(Open(dir, "train", Options{Unlabeled: true, TempDir: t.TempDir()}))
	if unlabeled.Classes != nil || unlabeled.Label(0) != -1 || unlabeled.Len() != 4 {
		t.Errorf("got %v, want 4 images without classes", show(unlabeled))
	}
	one := must.M1(Open(filepath.Join(dir, "set-train-000.tar"), "train", Options{}))
	if one.Len() != 3 {
		t.Errorf("got %v, want the images of one shard", show(one))
	}
}

func TestShardsInSplitFolders(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "train/0.tar", shard("a.jpg"))
	put(t, dir, "val/0.tgz", gzipped(shard("b.jpg")))
	for split, want := range map[string]string{"train": "0.tar:a.jpg=-1", "test": "0.tgz:b.jpg=-1"} {
		if got := show(must.M1(Open(dir, split, Options{TempDir: t.TempDir()}))); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %v, want %s", split, got, want)
		}
	}
}

// TestUnpackedShardsLeaveNothing looks into the folder where a compressed shard was unpacked.
func TestUnpackedShardsLeaveNothing(t *testing.T) {
	dir, temp := t.TempDir(), t.TempDir()
	put(t, dir, "0.tar.gz", gzipped(shard("a.jpg")))
	l := must.M1(Open(dir, "train", Options{TempDir: temp}))
	if left := must.M1(os.ReadDir(temp)); len(left) != 0 {
		t.Errorf("%v is left beside a list in use, want no name", left)
	}
	must.M1(l.Read(0, nil))
	must.M(l.Close())
}

func TestBrokenShards(t *testing.T) {
	good := shard("a.jpg="+strings.Repeat("x", 3000), "a.cls=1")
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"no tar":        {[]byte(strings.Repeat("not a tar ", 100)), "tar: "},
		"cut in image":  {good[:2000], "file too short: a.jpg has 3000 bytes"},
		"cut in header": {good[:100], "tar: "},
		"cut gzip":      {gzipped(good)[:40], "gzip: "},
		"class":         {shard("a.jpg", "a.cls=cat"), `a.cls: got "cat", want a class number`},
		"class -1":      {shard("a.jpg", "a.cls=-1"), "want a class number"},
		"class too big": {shard("a.jpg", "a.cls=1048576"), "want a class number below 1048576"},
		"some classes":  {shard("a.jpg", "a.cls=1", "b.jpg"), "0.tar:a.jpg has a .cls file and 0.tar:b.jpg has none"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "0.tar", test.content)
			_, err := Open(dir, "train", Options{TempDir: t.TempDir()})
			if !errors.Is(err, data.ErrCorrupt) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want ErrCorrupt that says %q", err, test.want)
			}
		})
	}
	dir := t.TempDir()
	put(t, dir, "0.tar", shard("readme.txt"))
	if _, err := Open(dir, "train", Options{}); !errors.Is(err, data.ErrMissing) {
		t.Errorf("error %v, want ErrMissing for a shard without images", err)
	}
}

// FuzzTar looks for shards that panic the index, or make it promise bytes that the shard does not have.
func FuzzTar(f *testing.F) {
	f.Add(shard("0001.jpg", "0001.cls=3", "sub/", "sub/0003.jpeg", "x.cls=7"))
	f.Add(shard(strings.Repeat("n", 150)+".jpg", strings.Repeat("n", 150)+".cls=2"))
	f.Add(shard("a.jpg=" + strings.Repeat("x", 600))[:700])
	f.Fuzz(func(t *testing.T, file []byte) {
		members, err := index("fuzz", bytes.NewReader(file), int64(len(file)))
		if err != nil && !errors.Is(err, data.ErrCorrupt) {
			t.Errorf("error %v, want ErrCorrupt", err)
		}
		for _, m := range members {
			if m.offset < 0 || m.size < 0 || m.offset+m.size > int64(len(file)) || m.label >= maxClass {
				t.Errorf("%q: %+v lies outside of %d bytes or of the classes", m.name, m, len(file))
			}
		}
	})
}

// The archive of a set's files is no shard of images, and is called by the set's name.
func TestArchivesOfSets(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "cifar-100-python.tar.gz", gzipped(shard("cifar-100-python/", "cifar-100-python/train")))
	_, err := Open(dir, "train", Options{TempDir: t.TempDir()})
	if !errors.Is(err, data.ErrMissing) || !strings.Contains(err.Error(), "the Python version of cifar100, want the binary version") {
		t.Errorf("error %v, want ErrMissing and the set's name", err)
	}
}
