package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/janpfeifer/must"
)

// hostileImages are folders and archives of images.
func hostileImages() []hostileInput {
	var all []hostileInput
	const doctor = "data doctor --backend=go DIR/in"
	const pack, train = "data pack --canvas=16 DIR/in DIR/out", "train --preset=moco-v2 --backend=go --data=DIR/in --canvas=32 --image-size=32"
	add := func(name string, commands []string, make func(dir string)) {
		for _, args := range commands {
			all = append(all, hostileInput{name: name + ": " + args, args: args, make: make})
		}
	}
	both := []string{pack, train, doctor}
	picture := image.NewGray(image.Rect(0, 0, 8, 8))
	var aJPEG, aPNG bytes.Buffer
	must.M(jpeg.Encode(&aJPEG, picture, nil))
	must.M(png.Encode(&aPNG, picture))
	for name, content := range map[string][]byte{
		"0.jpg nothing": nil, "1.jpg a script": []byte("#!/bin/sh\ntouch hacked\n"), "2.jpg half": aJPEG.Bytes()[:aJPEG.Len()/2], "3.png half": aPNG.Bytes()[:aPNG.Len()/2],
		"4.png 4 billion pixels": sizedPNG(1<<16, 1<<16), "5.png 2^62 pixels": sizedPNG(1<<31-1, 1<<31-1), "6.png 80 million, of which none": sizedPNG(9000, 9000),
		"7.jpg 65535 wide": sizedJPEG(aJPEG.Bytes(), 65535, 65535), "8.tif": []byte("II*\x00"), "9.webp": []byte("RIFF"),
	} {
		add(name, []string{pack, doctor}, func(dir string) { put(dir, "in/a/"+strings.Fields(name)[0], content) })
	}
	add("a pipe as an image", both, func(dir string) { pipe(dir, "in/a/0.jpg") })
	add("a device as an image", both, func(dir string) {
		must.M(os.MkdirAll(filepath.Join(dir, "in/a"), 0o755))
		must.M(os.Symlink("/dev/zero", filepath.Join(dir, "in/a/0.jpg")))
	})
	add("a terabyte as an image", both, func(dir string) { hole(dir, "in/a/0.jpg", aJPEG.Bytes(), 1<<40) })
	add("a link to the folder", both, func(dir string) {
		put(dir, "in/a/0.jpg", nil)
		must.M(os.Symlink("..", filepath.Join(dir, "in/a/b")))
	})
	add("a class with an escape", both[:1], func(dir string) { put(dir, "in/\x1b]0;x\a/0.jpg", nil) })
	add("a class that is not UTF-8", both[:1], func(dir string) { put(dir, "in/\xff/0.jpg", nil); put(dir, "in/b/0.jpg", nil) })
	shards := map[string][]byte{
		"nothing": nil, "text": []byte(strings.Repeat("x", 2000)), "a cut": tarOf("a.jpg", aJPEG.Bytes())[:700],
		"a name that leads out": tarOf("../../etc/a.jpg", nil), "a class beyond": tarOf("a.jpg", nil, "a.cls", []byte("99999999999999999999")),
		"a negative class": tarOf("a.jpg", nil, "a.cls", []byte("-1")), "an escape": tarOf("a\x1b]0;x\a.jpg", []byte("x")),
		"a size that lies": lyingTar(),
	}
	for name, content := range shards {
		add("a shard: "+name, both[:1], func(dir string) { put(dir, "in/s.tar", content) })
	}
	add("a compressed shard that is a bomb", both, func(dir string) { put(dir, "in/s.tar.gz", gzipped(append(tarOf()[:0], make([]byte, 200<<20)...))) })
	add("a shard that is a pipe", both, func(dir string) { pipe(dir, "in/s.tar") })
	for i, c := range changed(tarOf("a.jpg", aJPEG.Bytes(), "a.cls", []byte("1"), "b.jpg", aJPEG.Bytes()[:300], "b.cls", []byte("0")), 8) {
		add(fmt.Sprintf("a shard, changed %d", i), both[:1], func(dir string) { put(dir, "in/s.tar", c) })
	}
	return all
}

// hostileSets are the files of MNIST, and packed sets.
func hostileSets() []hostileInput {
	var all []hostileInput
	const mnist = "train --preset=mnist --backend=go --data=DIR"
	header := func(magic uint32, dims ...uint32) []byte {
		b := binary.BigEndian.AppendUint32(nil, magic)
		for _, d := range dims {
			b = binary.BigEndian.AppendUint32(b, d)
		}
		return b
	}
	for name, content := range map[string][]byte{
		"nothing": nil, "labels": header(0x0801, 10), "images that are not there": header(0x0803, 1<<20, 28, 28), "images of another size": append(header(0x0803, 1, 5, 5), make([]byte, 25)...),
		"dimensions that wrap": header(0x0803, 1<<31, 1<<31, 1<<31), "no images": header(0x0803, 0, 28, 28), "a bomb": gzipped(append(header(0x0803, 1<<24, 28, 28), make([]byte, 100<<20)...)),
		"a damaged gzip": append([]byte{0x1f, 0x8b}, make([]byte, 30)...), "text": []byte("<html>404</html>"),
	} {
		all = append(all, fileInput("MNIST: "+name, mnist, "train-images-idx3-ubyte", content))
	}
	all = append(all,
		hostileInput{name: "MNIST: a pipe", args: mnist, make: func(dir string) { pipe(dir, "train-images-idx3-ubyte.gz") }},
		hostileInput{name: "MNIST: a terabyte", args: mnist, make: func(dir string) { hole(dir, "train-images-idx3-ubyte", header(0x0803, 1<<30, 28, 28), 1<<40) }},
	)
	const meta = `{"format":1,"count":%s,"canvas":%s,"source":"s","fingerprint":"f","decoder":"go","files":{%s},"broken":[],"classes":[]}`
	for name, text := range map[string]string{
		"nothing": "", "null": "null", "many images": fmt.Sprintf(meta, "9223372036854775807", "16", ""), "a canvas that wraps": fmt.Sprintf(meta, "4", "4611686018427387904", ""),
		"negative": fmt.Sprintf(meta, "-1", "-1", ""), "a file that leads out": fmt.Sprintf(meta, "4", "16", `"../../etc/passwd":{"bytes":1,"sha256":""}`), "deep": strings.Repeat("[", 1_000_000),
	} {
		for _, args := range []string{"data verify DIR/train", "data verify DIR", "train --preset=moco-v2 --backend=go --data=DIR --canvas=16"} {
			all = append(all, fileInput("a packed set: "+name+": "+args, args, "train/meta.json", []byte(text)))
		}
	}
	all = append(all, hostileInput{name: "a packed set of pipes", args: "data verify DIR/train", make: func(dir string) {
		put(dir, "train/meta.json", fmt.Appendf(nil, meta, "4", "16", ""))
		pipe(dir, "train/images.npy")
	}})
	return all
}

// sizedPNG has a sound header of such a size, and no pixels.
func sizedPNG(width, height uint32) []byte {
	chunk := append([]byte("IHDR"), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)...)
	chunk = append(chunk, 8, 2, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	return binary.BigEndian.AppendUint32(append(b, chunk...), crc32.ChecksumIEEE(chunk))
}

// sizedJPEG changes the size that a baseline JPEG says it has.
func sizedJPEG(file []byte, width, height uint16) []byte {
	b := bytes.Clone(file)
	at := bytes.Index(b, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(b[at+5:], height)
	binary.BigEndian.PutUint16(b[at+7:], width)
	return b
}

// tarOf is an archive of names and contents.
func tarOf(files ...any) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		content, _ := files[i+1].([]byte)
		must.M(w.WriteHeader(&tar.Header{Name: files[i].(string), Mode: 0o644, Size: int64(len(content))}))
		must.M1(w.Write(content))
	}
	must.M(w.Close())
	return b.Bytes()
}

// lyingTar has a member that is longer than the archive.
func lyingTar() []byte {
	var b bytes.Buffer
	must.M(tar.NewWriter(&b).WriteHeader(&tar.Header{Name: "a.jpg", Mode: 0o644, Size: 1 << 40}))
	return append(b.Bytes(), make([]byte, 1024)...)
}

func gzipped(content []byte) []byte {
	var b bytes.Buffer
	w := must.M1(gzip.NewWriterLevel(&b, gzip.BestSpeed))
	must.M1(io.Copy(w, bytes.NewReader(content)))
	must.M(w.Close())
	return b.Bytes()
}
