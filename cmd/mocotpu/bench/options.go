package bench

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Engines is how the caller opens engines and explains what they say.
type Engines struct {
	// Open opens the engine of a configuration, for its step.
	Open func(run.Config) (*xla.Engine, error)
	// Explain makes more of an error of the step on an engine, and may print to talk; it returns any other error as it is.
	Explain func(talk io.Writer, e *xla.Engine, c run.Config, err error) error
	// Errors are those that [errors.Is] still finds in the error of a child process.
	Errors []error
}

// Options are those of [Step], [Train] and [Peers].
type Options struct {
	Engines Engines
	// Built names what this program was built from, for the report.
	Built map[string]string
	// Talk is where progress is written, a line for each measurement.
	Talk io.Writer
	// Repeat is the number of timed steps, at least 1.
	Repeat int
	// Counts are the numbers of devices that Step and Peers time; none: the configuration's, or 1 and 8, fewer where the
	// engine or the groups want it.
	Counts []int
	// Python and JAXPython are where Peers looks for PyTorch and for JAX, "" for nowhere.
	Python, JAXPython string
	// Limit is how long one program of Peers may take, above 0; then it is killed.
	Limit time.Duration
}

// engineInfo is an engine without its hold on the devices.
type engineInfo struct {
	name, version string
	devices       int
}

// noteEngine adds an engine to the report's versions.
func (r *Report) noteEngine(e engineInfo) {
	r.Versions["engine"], r.Versions["plugin"] = e.name, e.version
}

func infoOf(e *xla.Engine) engineInfo {
	return engineInfo{e.EngineName(), e.PluginVersion(), e.NumDevices()}
}

// look opens the configuration's engine in this process, and closes it.
func (e Engines) look(c run.Config) (engineInfo, error) {
	engine, err := e.Open(c)
	if err != nil {
		return engineInfo{}, err
	}
	defer engine.Close()
	return infoOf(engine), nil
}

// settle decides which engine and which numbers of devices are timed. What only the engine knows, it learns from look.
func settle(c run.Config, counts []int, look func(run.Config) (engineInfo, error)) (run.Config, []int, error) {
	available := 8
	if c.Engine.Backend != "cpu" && c.Engine.Backend != "go" {
		engine, err := look(c)
		if err != nil {
			return c, nil, err
		}
		c.Engine.Backend = engine.name
		if engine.name != "cpu" {
			available = engine.devices
		}
	}
	if c.Engine.Backend == "go" {
		available = 1
	}
	switch {
	case len(counts) > 0:
	case c.Engine.Devices > 0:
		counts = []int{c.Engine.Devices}
	default:
		most := min(available, c.MoCo.Groups)
		for most > 1 && c.MoCo.Groups%(most*max(1, c.MoCo.Micro)) != 0 {
			most--
		}
		counts = slices.Compact([]int{1, most})
	}
	var check settings.Check
	for i, n := range counts {
		check.That(n > 0 && !slices.Contains(counts[:i], n), "bench.counts", "has %d, want numbers of devices above 0, each once", n)
	}
	if err := check.Err(); err != nil {
		return c, nil, err
	}
	for _, n := range counts {
		one := c
		one.Engine.Devices = n
		if err := one.Validate(); err != nil {
			return c, nil, fmt.Errorf("bench: on %d devices: %w", n, err)
		}
	}
	return c, counts, nil
}

// stepOf is the configuration's step, which is valid.
func stepOf(c run.Config) (moco.Step, error) {
	step := c.Step()
	return step, step.Validate()
}

// describe notes what the step of a configuration is, under the names of its flags.
func (r *Report) describe(c run.Config) {
	r.Labels = []Label{label("arch", c.Encoder.Arch), label("batch", c.MoCo.Batch)}
	r.Settings = []Label{
		label("width", c.Encoder.Width), label("stem", c.Encoder.Stem), label("head", c.Encoder.Head), label("dim", c.Encoder.Dim),
		label("image-size", c.Views.ImageSize), label("bn-groups", c.MoCo.Groups), label("shuffle", c.MoCo.Shuffle),
		label("symmetric", c.MoCo.Symmetric), label("queue", c.MoCo.Queue), label("remat", c.Encoder.Remat),
	}
}

// stepLabels are what the steps of one report may differ in. The replicas are last: a name that ends with a dash and a number
// would have it taken for GOMAXPROCS.
func stepLabels(c run.Config, views string, devices int) []Label {
	labels := []Label{label("views", views), label("precision", c.Encoder.Precision)}
	if c.MoCo.Micro > 1 {
		labels = append(labels, label("micro", c.MoCo.Micro))
	}
	return append(labels, label("replicas", devices))
}
