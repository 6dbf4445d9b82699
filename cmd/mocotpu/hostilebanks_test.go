package main

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/format/npy"
)

// hostileBanks are banks of features, and image files, that search and embed get.
func hostileBanks(g good) []hostileInput {
	const manifest = `{"format":"mocotpu-bank-1","encoder":{"path":%q,"sha256":"","projection":true},"names":[%s],"broken":[]}`
	search := "search --bank=DIR/b.npy --backend=go DIR/x.png"
	row := append(npy.Header{Type: npy.Float32, Shape: []int{1, 2}}.Encode(), make([]byte, 8)...)
	var all []hostileInput
	add := func(name, args, text string, rows []byte) {
		all = append(all, hostileInput{name: "bank: " + name, args: args, make: func(dir string) {
			put(dir, "x.png", []byte("no picture"))
			put(dir, "b.npy", rows)
			put(dir, "b.npy.json", []byte(text))
		}})
	}
	add("an encoder elsewhere", search, fmt.Sprintf(manifest, "/dev/zero", `"a"`), row)
	add("an encoder above", search, fmt.Sprintf(manifest, "../../../etc/passwd", `"a"`), row)
	add("an encoder that is none", search, fmt.Sprintf(manifest, "x.png", `"a"`), row)
	add("another encoder's", search+" --encoder="+g.encoder, fmt.Sprintf(manifest, "e", `"a"`), row)
	add("more names", search, fmt.Sprintf(manifest, "e", `"a","b"`), row)
	add("an escape", search, fmt.Sprintf(manifest, "\x1b]0;x\a", `"\u001b]0;x\u0007"`), row)
	add("deep JSON", search, strings.Repeat("[", 1_000_000), row)
	add("a terabyte of rows", search, fmt.Sprintf(manifest, "e", `"a"`), npy.Header{Type: npy.Float32, Shape: []int{1 << 30, 1 << 8}}.Encode())
	add("rows that wrap", search, fmt.Sprintf(manifest, "e", `"a"`), npy.Header{Type: npy.Float32, Shape: []int{1 << 46, 1 << 46}}.Encode())
	all = append(all,
		hostileInput{name: "bank: a terabyte of manifest", args: search, make: func(dir string) {
			put(dir, "x.png", nil)
			put(dir, "b.npy", row)
			hole(dir, "b.npy.json", []byte(`{"format":"`), 1<<40)
		}},
		hostileInput{name: "bank: manifest and rows are pipes", args: search, make: func(dir string) {
			put(dir, "x.png", nil)
			pipe(dir, "b.npy.json")
			pipe(dir, "b.npy")
		}},
		fileInput("embed: no image can be read", "embed DIR/x.png --backend=go --out=DIR/o.npy --encoder="+g.encoder, "x.png", []byte("no picture")),
		hostileInput{name: "embed: a pipe", args: "embed DIR/x --backend=go --out=DIR/o.npy --encoder=" + g.encoder, make: func(dir string) { pipe(dir, "x") }},
		hostileInput{name: "embed: pipes and devices in a folder", args: "embed DIR --backend=go --out=DIR/o.npy --encoder=" + g.encoder, make: func(dir string) {
			pipe(dir, "x.png")
			must.M(os.Symlink("/dev/zero", filepath.Join(dir, "y.jpg")))
		}},
		hostileInput{name: "embed: a folder in itself", args: "embed DIR --backend=go --out=DIR/o.npy --encoder=" + g.encoder, make: func(dir string) {
			must.M(os.Symlink(".", filepath.Join(dir, "loop")))
		}},
	)
	return append(all, hostileHubs()...)
}

// hostileHubs are folders that say that they hold a model of timm's.
func hostileHubs() []hostileInput {
	const config = `{"architecture":"resnet18","num_classes":0,"pretrained_cfg":{"input_size":[3,32,32]}}`
	var all []hostileInput
	for _, args := range []string{
		"import DIR/m --out=DIR/y", "embed DIR --encoder=DIR/m --backend=go --out=DIR/y",
		"train --init=DIR/m --backend=go --dir=DIR/run --train-images=16 --batch=16 --bn-groups=2 --queue=16 --knn-every=0",
	} {
		add := func(name string, fill func(dir string)) {
			all = append(all, hostileInput{name: "hub: " + name + ": " + args, args: args, make: func(dir string) {
				must.M(os.Mkdir(filepath.Join(dir, "m"), 0o755))
				put(dir, "x.png", []byte("no picture"))
				fill(filepath.Join(dir, "m"))
			}})
		}
		add("both are pipes", func(dir string) { pipe(dir, "config.json"); pipe(dir, "model.safetensors") })
		add("weights are a device", func(dir string) {
			put(dir, "config.json", []byte(config))
			must.M(os.Symlink("/dev/zero", filepath.Join(dir, "model.safetensors")))
		})
		add("a pickle that asks for a function", func(dir string) {
			put(dir, "config.json", []byte(config))
			put(dir, "pytorch_model.bin", zipped(map[string]func(io.Writer){"a/data.pkl": func(w io.Writer) {
				must.M1(io.WriteString(w, "cos\nsystem\n(S'touch hacked'\ntR."))
			}}, zip.Store))
		})
		add("deep JSON", func(dir string) {
			put(dir, "config.json", []byte(strings.Repeat("[", 1_000_000)))
			put(dir, "model.safetensors", nil)
		})
		add("an escape", func(dir string) {
			put(dir, "config.json", []byte(`{"architecture":"\u001b]0;x\u0007"}`))
			put(dir, "model.safetensors", nil)
		})
	}
	return all
}
