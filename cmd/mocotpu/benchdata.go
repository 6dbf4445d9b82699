package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/models/data/stream"
)

// benchDataOptions are the flags of `bench data`.
type benchDataOptions struct {
	folder  string
	images  int
	canvas  int
	batch   int
	workers int
	python  string
}

func newBenchData() *cobra.Command {
	var o benchDataOptions
	cmd := &cobra.Command{
		Use:   "data",
		Short: "Time the reading of images: decoded on the way, packed, and by PyTorch's loader where that is installed",
		Long: "Decodes a folder of images and squeezes them to the canvas, with each JPEG library there is; packs them; and\n" +
			"copies batches from the packed set, mapped into memory and warm. Without --folder it draws JPEGs of 500x375\n" +
			"pixels into a temporary folder. PyTorch reads the same folder with an ImageFolder and a DataLoader.",
		Example: "  mocotpu bench data\n" +
			"  mocotpu bench data --folder=data/imagenet-mini --images=5000 --json",
		Args: noArguments,
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&o.folder, "folder", "", "folder of images or shards to read (default: images drawn for the purpose)")
	cmd.Flags().IntVar(&o.images, "images", 1024, "images to draw, or of the folder to read (0: all)")
	cmd.Flags().IntVar(&o.canvas, "canvas", dataset.DefaultCanvas, "side of the square that images are squeezed to, in pixels")
	cmd.Flags().IntVar(&o.batch, "batch", 64, "images of a batch")
	cmd.Flags().IntVar(&o.workers, "workers", runtime.NumCPU(), "images decoded at a time, and workers of PyTorch's loader")
	cmd.Flags().StringVar(&o.python, "python", "python3", "Python to look for PyTorch in; empty leaves the comparison out")
	printsBench(cmd, func(cmd *cobra.Command) (benchReporter, error) {
		if o.batch < 1 || o.canvas < 1 || o.workers < 1 || o.images < 0 || o.images > 0 && o.images < 2*o.batch {
			return nil, usageError{fmt.Errorf("--images %d, --canvas %d, --batch %d, --workers %d, want two batches or more and numbers above 0",
				o.images, o.canvas, o.batch, o.workers)}
		}
		return benchData(cmd.Context(), o, cmd.ErrOrStderr())
	})
	return cmd
}

// benchDataReport is what `bench data` prints.
type benchDataReport struct {
	benchHead
	Images int            `json:"images"`
	Canvas int            `json:"canvas"`
	Rows   []benchDataRow `json:"rows"`
	// Torch names the versions of what PyTorch's row was taken with, or says what is missing.
	Torch loaderAnswer `json:"torch"`
}

// benchDataRow is one way to read images.
type benchDataRow struct {
	Way             string  `json:"way"`
	Library         string  `json:"library"` // of the JPEGs; "" where nothing is decoded
	ImagesPerSecond float64 `json:"images_per_second"`
	// CanvasMBPerSecond are the pixels made, in 1e6 bytes a second.
	CanvasMBPerSecond float64 `json:"canvas_mb_per_second"`
	// AnonBytes is the process's anonymous memory (RssAnon) afterwards, 0 where the system does not tell.
	AnonBytes int64 `json:"anon_bytes,omitempty"`
}

func (r *benchDataReport) add(way, library string, images int, took time.Duration) {
	rate := float64(images) / took.Seconds()
	r.Rows = append(r.Rows, benchDataRow{way, library, rate, rate * float64(3*r.Canvas*r.Canvas) / 1e6, anonymousMemory()})
}

func benchData(ctx context.Context, o benchDataOptions, talk io.Writer) (*benchDataReport, error) {
	temp, err := os.MkdirTemp("", "mocotpu-bench-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	if o.folder == "" {
		o.folder = filepath.Join(temp, "images")
		fmt.Fprintf(talk, "drawing %d images ...\n", o.images)
		if err := specimen.Folder(filepath.Join(o.folder, "train"), specimen.Options{Images: o.images, Classes: 8, Width: 500, Height: 375}); err != nil {
			return nil, err
		}
	}
	list, err := files.Open(o.folder, "train", files.Options{})
	if err != nil {
		return nil, err
	}
	defer list.Close()
	count := list.Len()
	if o.images > 0 {
		count = min(count, o.images)
	}
	if count < 2*o.batch {
		return nil, usageError{fmt.Errorf("%s has %d images, want two batches of %d or more: lower --batch", list.Dir, count, o.batch)}
	}
	r := &benchDataReport{benchHead: newBenchHead(), Images: count, Canvas: o.canvas}
	libraries := []picture.Library{picture.Go}
	if picture.Best() != picture.Go {
		libraries = append(libraries, picture.Best())
	}
	for _, library := range libraries {
		fmt.Fprintf(talk, "decoding %d images by %s ...\n", count, library)
		if err := benchStream(ctx, r, o, library); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(talk, "packing %d images ...\n", list.Len())
	set := filepath.Join(temp, "packed")
	start := time.Now()
	if _, err := packed.Pack(ctx, list, set, packed.Options{Canvas: o.canvas, Workers: o.workers}); err != nil {
		return nil, err
	}
	r.add("pack, checksum and sync", string(picture.Best()), list.Len(), time.Since(start))
	if err := benchPacked(ctx, r, o, set); err != nil {
		return nil, err
	}
	fmt.Fprintf(talk, "PyTorch of %s, if it has it ...\n", o.python)
	if err := writePeers(temp); err != nil {
		return nil, err
	}
	r.Torch = benchLoader(ctx, temp, list.Dir, o)
	if r.Torch.Missing == "" {
		r.add("PyTorch ImageFolder, DataLoader", "libjpeg-turbo", r.Torch.Images, time.Duration(r.Torch.Seconds*float64(time.Second)))
		r.Rows[len(r.Rows)-1].AnonBytes = 0 // another process's
	}
	return r, ctx.Err()
}

// benchStream times the decoding of images in shuffled order.
func benchStream(ctx context.Context, r *benchDataReport, o benchDataOptions, library picture.Library) error {
	list, err := files.Open(o.folder, "train", files.Options{})
	if err != nil {
		return err
	}
	s, err := stream.New(list, stream.Options{Size: o.canvas, Library: library, Workers: o.workers})
	if err != nil {
		return err
	}
	defer s.Close()
	source := data.Spread(s, r.Images)
	took, images, err := timeBatches(ctx, source, o.batch, 1)
	if err != nil {
		return err
	}
	r.add(fmt.Sprintf("decode and squeeze, %d workers", o.workers), string(library), images, took)
	return nil
}

// packedPasses is how often the packed set is read: a pass takes a fraction of a second.
const packedPasses = 20

// benchPacked times the copying of a mapped set's images into a batch.
func benchPacked(ctx context.Context, r *benchDataReport, o benchDataOptions, dir string) error {
	s, err := packed.Open(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	took, images, err := timeBatches(ctx, s, o.batch, packedPasses)
	if err != nil {
		return err
	}
	r.add("packed set, mapped and warm, 1 thread", "", images, took)
	return nil
}

func (r *benchDataReport) writeTable(w io.Writer) error {
	var b strings.Builder
	b.WriteString(r.line())
	fmt.Fprintf(&b, "%d images, canvas %d: %d bytes each\n\n", r.Images, r.Canvas, 3*r.Canvas*r.Canvas)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "way\tJPEGs by\timg/s\tMB/s\tRssAnon MiB")
	for _, row := range r.Rows {
		library := row.Library
		if library == "" {
			library = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%.0f\t%.0f\t%s\n", row.Way, library, row.ImagesPerSecond, row.CanvasMBPerSecond, orDash(float64(row.AnonBytes)/(1<<20), "%.0f"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if r.Torch.Missing != "" {
		fmt.Fprintf(&b, "\nPyTorch: left out (%s)\n", r.Torch.Missing)
	} else {
		fmt.Fprintf(&b, "\nPyTorch: torch %s, torchvision %s, Pillow %s\n", r.Torch.Torch, r.Torch.Torchvision, r.Torch.Pillow)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// anonymousMemory is the process's RssAnon, as Linux tells it, 0 elsewhere.
func anonymousMemory() int64 { return memoryStatus("RssAnon") }

// peakMemory is the most memory that the process has held, mapped files included, as Linux tells it, 0 elsewhere.
func peakMemory() int64 { return memoryStatus("VmHWM") }

func memoryStatus(field string) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, field+": %d kB", &kilobytes); n == 1 {
			return kilobytes << 10
		}
	}
	return 0
}
