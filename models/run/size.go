package run

import (
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/limits"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

const (
	// mostCount bounds every number of a configuration. A product of two such numbers may overflow int64; a small multiple of
	// one does not.
	mostCount = 1 << 40
	// mostSteps and mostEpochs keep their product, and a step's number, within int64.
	mostSteps, mostEpochs = 1 << 40, 1 << 20
	// mostGlyphs is how many glyphs package data draws.
	mostGlyphs = 1 << 20
	// workerBytes is the least that a decoder takes beside its canvas: its goroutine, its tables, a small file.
	workerBytes = 64 << 10
	// mostMemory is more than any machine has. Readers of a run directory check against it, since they may have less memory than
	// the machine that wrote it.
	mostMemory = 1 << 50
	// mostViews is more than the memory of any machine, that of all its devices together, in bytes.
	mostViews = 1 << 47
)

// CheckSize returns a [settings.Error] that lists what the run cannot have in a process that may use so many bytes of
// memory, with what each would take at least; see [limits.Memory]. It allocates nothing, whatever c says.
func (c Config) CheckSize(memory int64) error { return c.checkSize(memory, memory) }

// checkSize is CheckSize with a limit of its own for batches. A step that is only compiled holds no batch in this process.
func (c Config) checkSize(memory, batches int64) error {
	var p settings.Check
	fits := func(bytes, most int64, field, format string, args ...any) {
		bound := "this process may use " + limits.Text(memory)
		if memory == mostMemory {
			bound = "no machine has more than " + limits.Text(memory)
		}
		p.That(bytes <= most, field, "%s at least %s, and %s", fmt.Sprintf(format, args...), limits.Text(bytes), bound)
	}
	host := c.Engine.Backend == "cpu" || c.Engine.Backend == "go" // the devices' memory is the process's, too
	copies, take := int64(1), "take"
	if host {
		copies, take = 2, "take, with the copy of them that checkpoints are written from,"
	}
	encoders, queue := c.stateBytes()
	encoders, queue = limits.Product(copies, encoders), limits.Product(copies, queue)
	keys := "the keys"
	if host { // where it computes with them, too
		queue = limits.Sum(queue, limits.Product(count(c.MoCo.Batch/max(1, c.MoCo.Micro)), count(c.MoCo.Queue), 4))
		keys = "the keys and a batch's logits"
	}
	fits(encoders, memory, "encoder.width", "is %d and {encoder.dim} %d: both encoders and SGD's buffers %s", c.Encoder.Width, c.Encoder.Dim, take)
	fits(queue, memory, "moco.queue", "is %d of {encoder.dim} %d: %s %s", c.MoCo.Queue, c.Encoder.Dim, keys, take)
	if encoders <= memory && queue <= memory {
		fits(limits.Sum(encoders, queue), memory, "moco.queue", "is %d and {encoder.width} %d: %s, both encoders and SGD's buffers %s", c.MoCo.Queue, c.Encoder.Width, keys, take)
	}
	side, channels := c.Data.Image()
	pixels := limits.Product(count(side), count(side), int64(channels))
	fits(limits.Product(count(c.MoCo.Batch), pixels), batches, "moco.batch", "is %d, of images of %d pixels a side (see {data.canvas}): a batch takes", c.MoCo.Batch, side)
	views := limits.Product(2, count(c.MoCo.Batch), int64(c.Encoder.ImageChannels()), count(c.Views.ImageSize), count(c.Views.ImageSize), 4)
	what := "the two views of a batch take"
	if m := c.MoCo.Micro; m > 1 {
		views, what = views/2/int64(m), "a view of a micro-batch takes"
	}
	most := int64(mostViews)
	if host {
		most = min(most, batches)
	}
	fits(views, most, "moco.batch", "is %d and {views.image_size} %d: "+what, c.MoCo.Batch, c.Views.ImageSize)
	if c.Data.Kind == "folder" {
		fits(limits.Product(count(c.Data.Workers), limits.Sum(workerBytes, pixels)), memory,
			"data.workers", "is %d, of canvases of %d pixels (see {data.canvas}): they take", c.Data.Workers, side)
	}
	if c.Data.Kind == "glyphs" {
		p.That(max(c.Data.TrainImages, c.Data.TestImages) <= mostGlyphs, "data.train_images", "is %d and {data.test_images} %d, want at most the %d glyphs there are",
			c.Data.TrainImages, c.Data.TestImages, mostGlyphs)
	}
	p.That(c.Run.Epochs <= mostEpochs, "run.epochs", "is %d, want at most %d", c.Run.Epochs, mostEpochs)
	p.That(c.Run.Steps <= mostSteps, "run.steps", "is %d, want at most %d", c.Run.Steps, mostSteps)
	if err := p.Err(); err != nil {
		return err
	}
	checkCounts(&p, "", reflect.ValueOf(c)) // of what takes no memory by itself
	return p.Err()
}

// stateBytes is what a run's float32 state takes: the parameters of the query encoder, the key encoder and SGD, with the
// statistics of the two encoders; and the keys. What does not fit is math.MaxInt64.
func (c Config) stateBytes() (encoders, queue int64) {
	network := c.Encoder
	// Widths and dimensions beyond these make more than there is anyway, and less would overflow.
	network.Width, network.Dim = min(network.Width, 1<<26), min(network.Dim, 1<<58)
	if network.Validate() == nil {
		for _, p := range network.Params() {
			size := int64(4)
			for _, d := range p.Dims {
				size = limits.Product(size, int64(d))
			}
			copies := int64(3)
			if p.Buffer {
				copies = 2
			}
			encoders = limits.Sum(encoders, limits.Product(copies, size))
		}
	}
	return encoders, limits.Product(count(c.MoCo.Queue), count(c.Encoder.Dim), 4)
}

// count is a number for limits.Product; what is negative is refused elsewhere.
func count(n int) int64 { return max(0, int64(n)) }

// checkCounts refuses integers beyond mostCount, wherever they are; a seed may be any.
func checkCounts(p *settings.Check, field string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Tag.Get("json"); name != "-" {
				checkCounts(p, strings.TrimPrefix(field+"."+name, "."), v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			checkCounts(p, fmt.Sprintf("%s[%d]", field, i), v.Index(i))
		}
	case reflect.Int:
		p.That(math.Abs(float64(v.Int())) <= mostCount, field, "is %d, want at most %d", v.Int(), int64(mostCount))
	}
}
