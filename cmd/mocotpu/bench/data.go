package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// DataOptions are those of [Data].
type DataOptions struct {
	// Folder has the images, or shards of them; "" draws JPEGs of 500x375 pixels into a temporary folder.
	Folder string
	// Images are how many to draw, or of the folder to read; 0 reads all of it.
	Images int
	// Canvas is the side of the square that images are squeezed to, in pixels; Batch, the images of a batch; Workers, the
	// images decoded at a time, and the workers of PyTorch's loader. All are at least 1.
	Canvas, Batch, Workers int
	// Python is where PyTorch is looked for, "" for nowhere; Limit is how long it may take, above 0.
	Python string
	Limit  time.Duration
	// Built and Talk are as in [Options].
	Built map[string]string
	Talk  io.Writer
}

func (o DataOptions) check() error {
	var check settings.Check
	check.That(o.Canvas > 0, "bench.canvas", "is %d, want at least 1", o.Canvas)
	check.That(o.Batch > 0, "bench.batch", "is %d, want at least 1", o.Batch)
	check.That(o.Workers > 0, "bench.workers", "is %d, want at least 1", o.Workers)
	check.That(o.Images == 0 || o.Images/2 >= o.Batch, "bench.images", "is %d, want at least two batches of {bench.batch} (%d), or 0 for all", o.Images, o.Batch)
	check.That(o.Images > 0 || o.Folder != "", "bench.images", "is 0, want a number to draw, or {bench.folder}")
	check.That(o.Limit > 0, "bench.limit", "is %s, want more than 0", o.Limit)
	return check.Err()
}

// reading is a measurement of Data under way.
type reading struct {
	DataOptions
	count  int // of the images to read
	report *Report
}

// Data times the ways to read images: decoded on the way, by each JPEG library there is; packed; and by PyTorch's ImageFolder
// and DataLoader. An operation is one image.
func Data(ctx context.Context, o DataOptions) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "mocotpu-bench-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	drawn := o.Folder == ""
	if drawn {
		o.Folder = filepath.Join(temp, "images")
		fmt.Fprintf(o.Talk, "drawing %d images ...\n", o.Images)
		if err := specimen.Folder(ctx, filepath.Join(o.Folder, "train"), specimen.Options{Images: o.Images, Classes: 8, Width: 500, Height: 375}); err != nil {
			return nil, err
		}
	}
	list, err := files.Open(o.Folder, "train", files.Options{})
	if err != nil {
		return nil, err
	}
	defer list.Close()
	d := reading{DataOptions: o, count: list.Len(), report: newReport(o.Built)}
	if o.Images > 0 {
		d.count = min(d.count, o.Images)
	}
	var check settings.Check
	check.That(d.count >= 2*o.Batch, "bench.batch", "is %d, want two batches or more of the %d images in %s", o.Batch, list.Len(), list.Dir)
	if err := check.Err(); err != nil {
		return nil, err
	}
	d.report.Settings = []Label{label("canvas", o.Canvas), label("batch", o.Batch), label("workers", o.Workers)}
	d.report.Source = fmt.Sprintf("%d of the %d in %s", d.count, list.Len(), list.Dir)
	if drawn {
		d.report.Source = fmt.Sprintf("%d JPEGs of 500x375 pixels, drawn for the purpose", d.count)
	}
	if err := d.decode(ctx); err != nil {
		return nil, err
	}
	if err := d.pack(ctx, list, filepath.Join(temp, "packed")); err != nil {
		return nil, err
	}
	return d.report, d.torch(ctx, temp, list.Dir)
}

// add notes a way to read images, so many in so long.
func (d *reading) add(way, library string, images int, took time.Duration) {
	row := d.row(way, library)
	row.Samples, row.Iterations = []float64{float64(took) / float64(images)}, images
	row.set(anonUnit, float64(anonymousMemory()))
	d.report.Rows = append(d.report.Rows, d.pixels(row))
}

func (d *reading) row(way, library string) Row {
	return Row{Name: "Read", Labels: []Label{label("way", way), label("jpeg", library)}, Images: 1}
}

// pixels adds the bytes of pixels that are made.
func (d *reading) pixels(row Row) Row {
	row.set(pixelsUnit, row.rate()*float64(3*d.Canvas*d.Canvas)/1e6)
	return row
}

// decode times the decoding of images in shuffled order by each library.
func (d *reading) decode(ctx context.Context) error {
	libraries := []picture.Library{picture.Go}
	if picture.Best() != picture.Go {
		libraries = append(libraries, picture.Best())
	}
	for _, library := range libraries {
		fmt.Fprintf(d.Talk, "decoding %d images by %s ...\n", d.count, library)
		if err := d.decodeBy(ctx, library); err != nil {
			return err
		}
	}
	return nil
}

func (d *reading) decodeBy(ctx context.Context, library picture.Library) error {
	list, err := files.Open(d.Folder, "train", files.Options{})
	if err != nil {
		return err
	}
	s, err := files.NewStream(list, files.StreamOptions{Canvas: picture.Canvas{Size: d.Canvas}, Library: library, Workers: d.Workers})
	if err != nil {
		return err
	}
	defer s.Close()
	took, images, err := timeBatches(ctx, data.Spread(s, d.count), d.Batch, 1)
	if err != nil {
		return err
	}
	d.add("decode", string(library), images, took)
	return nil
}

// packedPasses is how often the packed set is read: a pass takes a fraction of a second.
const packedPasses = 20

// pack times the packing of all images, with checksum and sync, and the copying of the mapped set's images into a batch, by one
// thread.
func (d *reading) pack(ctx context.Context, list *files.List, dir string) error {
	fmt.Fprintf(d.Talk, "packing %d images ...\n", list.Len())
	start := time.Now()
	if _, err := packed.Pack(ctx, list, dir, packed.Options{Canvas: d.Canvas, Workers: d.Workers}); err != nil {
		return err
	}
	d.add("pack", string(picture.Best()), list.Len(), time.Since(start))
	s, err := packed.Open(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	took, images, err := timeBatches(ctx, s, d.Batch, packedPasses)
	if err != nil {
		return err
	}
	d.add("packed", "", images, took)
	return nil
}

// torch times PyTorch's loader on a folder of class folders, by the scripts that it writes to temp.
func (d *reading) torch(ctx context.Context, temp, folder string) error {
	row := d.row("DataLoader", "")
	a := answer{Missing: "--python is empty"}
	if d.Python != "" {
		fmt.Fprintf(d.Talk, "PyTorch of %s, if it has it, for %s at most ...\n", d.Python, d.Limit)
		if err := writeScripts(temp); err != nil {
			return err
		}
		c := map[string]any{"folder": folder, "size": d.Canvas, "workers": d.Workers, "batch": d.Batch}
		var err error
		if a, err = (python{path: d.Python, dir: temp, limit: d.Limit}).ask(ctx, "torch_loader.py", c); err != nil {
			return err
		}
	}
	row.take(a)
	row.merge() // it delivers in bursts
	if len(row.Samples) > 0 {
		row.Samples[0], row.Iterations = row.Samples[0]/float64(d.Batch), row.Iterations*d.Batch
	}
	for name, version := range a.Versions {
		d.report.Versions[name] = version
	}
	d.report.Rows = append(d.report.Rows, d.pixels(row))
	return nil
}

// timeBatches fills batches of a source in shuffled order, epoch after epoch, after one that warms up.
func timeBatches(ctx context.Context, source data.Source, batch, epochs int) (took time.Duration, images int, err error) {
	info := source.Info()
	dst, rows := make([]uint8, batch*info.ImageLen()), make([]data.Row, batch)
	epoch := func(n int) error {
		order := data.Order(0, n, info.N)
		for at := 0; at+batch <= info.N; at += batch {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := source.Fill(dst, rows, order[at:at+batch]); err != nil {
				return err
			}
			images += batch
		}
		return nil
	}
	if err := epoch(0); err != nil {
		return 0, 0, err
	}
	images = 0
	start := time.Now()
	for n := range epochs {
		if err := epoch(n + 1); err != nil {
			return 0, 0, err
		}
	}
	return time.Since(start), images, nil
}
