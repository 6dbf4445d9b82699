package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/janpfeifer/must"
)

// hostileWeights are files of weights: bombs, lies and damage.
func hostileWeights(g good) []hostileInput {
	const imports = "import DIR/x --out=DIR/out.safetensors"
	var all []hostileInput
	add := func(name string, content []byte) { all = append(all, fileInput("import "+name, imports, "x", content)) }
	long := strings.Repeat
	bombs := map[string]func(w io.Writer){
		"a bomb of DUP":         func(w io.Writer) { repeat(w, "N", "2", 50_000_000) },
		"a bomb of marks":       func(w io.Writer) { repeat(w, "N", "(2", 25_000_000) },
		"a bomb of memos":       func(w io.Writer) { repeat(w, "N", "\x94", 50_000_000) },
		"a bomb of lists":       func(w io.Writer) { repeat(w, "", "]", 50_000_000) },
		"a bomb of text":        func(w io.Writer) { repeat(w, "X\x00\x00\x00\x40", "x", 100_000_000) },
		"a bomb of bytes":       func(w io.Writer) { repeat(w, "B\x00\x00\x00\x40", "x", 100_000_000) },
		"a bomb of digits":      func(w io.Writer) { repeat(w, "I", "7", 50_000_000) },
		"a list of itself":      func(w io.Writer) { repeat(w, "]\x94h\x00a", ".", 1) },
		"a set":                 func(w io.Writer) { repeat(w, "\x8f", ".", 1) },
		"os.system":             func(w io.Writer) { repeat(w, "cos\nsystem\n(S'touch hacked'\ntR", ".", 1) },
		"an unhashable key":     func(w io.Writer) { repeat(w, "}]Ns", ".", 1) },
		"an escape in a module": func(w io.Writer) { repeat(w, "c\x1b]0;x\a\nf\n", ".", 1) },
		"laughs":                func(w io.Writer) { repeat(w, "]\x94", "]\x94(h\x00h\x00h\x00e", 200) },
		"a tensor of a billion dimensions": func(w io.Writer) {
			repeat(w, "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQK\x00(", "K\x01", 500_000)
			repeat(w, "t(", "K\x01", 500_000)
			repeat(w, "ttR", ".", 1)
		},
	}
	for _, name := range slices.Sorted(maps.Keys(bombs)) {
		add("torch: "+name, zipped(map[string]func(io.Writer){"a/data.pkl": bombs[name]}, zip.Deflate))
	}
	add("torch: no pickle", zipped(map[string]func(io.Writer){"a/b": func(io.Writer) {}}, zip.Store))
	add("torch: storages that are compressed", zipped(map[string]func(io.Writer){
		"a/data.pkl": func(w io.Writer) {
			repeat(w, "}X\x0c\x00\x00\x00conv1.weightctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nByteStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuJ\x00\x00\x00\x40tQK\x00(J\x00\x00\x00\x40t(K\x01ttRs", ".", 1)
		},
		"a/data/0": func(w io.Writer) { repeat(w, "", "\x00", 1<<30) },
	}, zip.Deflate))
	for i, c := range changed(must.M1(os.ReadFile(g.torch)), 12) {
		add(fmt.Sprintf("torch, changed %d", i), c)
	}
	for i, c := range changed(must.M1(os.ReadFile(g.torchOld)), 12) {
		add(fmt.Sprintf("old torch, changed %d", i), c)
	}
	goOn := "train --resume-from=DIR/x --backend=go --dir=DIR/run --arch=resnet10 --width=4 --stem=small --dim=16 --queue=40 --batch=16 --bn-groups=4 " +
		"--train-images=32 --image-size=16 --epochs=2 --weight-decay=1e-4 --knn-every=0"
	whole := must.M1(os.ReadFile(filepath.Join("..", "..", "models", "train", "testdata", "checkpoint_v1.pth.tar")))
	for i, c := range append(changed(whole, 12), whole[:len(whole)-100], nil) {
		in := fileInput(fmt.Sprintf("going on from a checkpoint, changed %d", i), goOn, "x", c)
		in.harmless = i < 12
		all = append(all, in)
	}
	all = append(all,
		hostileInput{name: "going on from a pipe", args: goOn, make: func(dir string) { pipe(dir, "x") }},
		fileInput("going on from a bomb", goOn, "x", zipped(map[string]func(io.Writer){"a/data.pkl": bombs["a bomb of lists"]}, zip.Deflate)),
		fileInput("going on from an encoder", goOn, "x", must.M1(os.ReadFile(g.encoder))),
	)
	header := func(text string) []byte {
		return append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	}
	headers := map[string][]byte{
		"nothing": nil, "a short length": {1, 2, 3}, "a long header": append(binary.LittleEndian.AppendUint64(nil, 1<<62), "{}"...),
		"negative offsets":   header(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`),
		"a shape that wraps": header(`{"conv1.weight":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}}`),
		"a width that wraps": header(`{"conv1.weight":{"dtype":"F32","shape":[4611686018427387904,0,0,0],"data_offsets":[0,0]}}`),
		"deep JSON":          header(`{"a":` + long("[", 1_000_000)),
		"many tensors":       header(`{` + long(`"a":0,`, 1_000_000) + `"b":0}`),
		"an escape":          header(`{"conv1.weight":{"dtype":"F32","shape":[0,3,3,3],"data_offsets":[0,0]},"\u001b]0;x\u0007":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`),
		"a long name":        header(`{"conv1.weight":{"dtype":"F32","shape":[1,3,3,3],"data_offsets":[0,108]},"` + long("x", 5_000_000) + `":{"dtype":"F32","shape":[0],"data_offsets":[108,108]}}`),
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		add("safetensors: "+name, headers[name])
	}
	encoder := must.M1(os.ReadFile(g.encoder))
	for i, c := range changed(encoder, 8) {
		in := fileInput(fmt.Sprintf("embed an encoder, changed %d", i), "embed DIR/x --backend=go --data=glyphs --images=4 --out=DIR/f.npy", "x", c)
		in.harmless = true
		all = append(all, in)
	}
	nan := bytes.Clone(encoder)
	copy(nan[len(nan)-4:], "\x00\x00\xc0\x7f")
	add("safetensors: NaN", nan)
	huge := []byte(`{"a":{"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]}}`)
	for _, args := range []string{imports, "embed DIR/x --data=glyphs", "eval DIR/x --data=glyphs", "export DIR/x --out=DIR/y"} {
		all = append(all, hostileInput{name: "a terabyte: " + args, args: args, make: func(dir string) {
			hole(dir, "x", header(string(huge)), 1<<40+8+int64(len(huge)))
		}})
	}
	return all
}

// repeat writes a beginning and so many times a text.
func repeat(w io.Writer, begin, text string, times int) {
	must.M1(io.WriteString(w, begin))
	const most = 1 << 16
	block := strings.Repeat(text, most)
	for ; times >= most; times -= most {
		must.M1(io.WriteString(w, block))
	}
	must.M1(io.WriteString(w, strings.Repeat(text, times)))
}

// zipped makes an archive of what functions write.
func zipped(files map[string]func(io.Writer), method uint16) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for _, name := range slices.Sorted(maps.Keys(files)) {
		files[name](must.M1(z.CreateHeader(&zip.FileHeader{Name: name, Method: method})))
	}
	must.M(z.Close())
	return b.Bytes()
}

// hostilePlaces are files that are none, wherever a command takes one.
func hostilePlaces() []hostileInput {
	var all []hostileInput
	for _, args := range []string{
		"import DIR/x --out=DIR/y", "embed DIR/x --data=glyphs --backend=go", "eval DIR/x --data=glyphs --backend=go", "export DIR/x --out=DIR/y", "report DIR/x",
		"train --dir=DIR/x", "train --program=DIR/x", "data verify DIR/x", "data pack DIR/x DIR/y", "train --preset=mnist --backend=go --data=DIR/x",
	} {
		all = append(all,
			hostileInput{name: "a pipe: " + args, args: args, make: func(dir string) { pipe(dir, "x") }},
			hostileInput{name: "a device: " + args, args: args, make: func(dir string) { must.M(os.Symlink("/dev/zero", filepath.Join(dir, "x"))) }},
			hostileInput{name: "a link to itself: " + args, args: args, make: func(dir string) { must.M(os.Symlink("x", filepath.Join(dir, "x"))) }},
		)
	}
	return all
}
