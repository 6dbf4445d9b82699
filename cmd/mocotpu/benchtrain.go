package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/models/train"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

func newBenchTrain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Time the feed alone, the step alone and both together, and say which one limits",
		Long: "Compiles the configuration's training step, then times the feed alone (images read, assembled and brought to\n" +
			"the devices, nothing computed), the step alone (on a batch that is already there) and both, as training runs\n" +
			"them. A folder preset without its folder takes images drawn for the purpose.",
		Example: "  mocotpu bench train\n" +
			"  mocotpu bench train --preset=imagenet-mini --data=data/imagenet-mini-packed --backend=cuda\n" +
			"  mocotpu bench train --preset=moco-v2 --arch=resnet18 --image-size=64 --canvas=80 --batch=32 --queue=256",
		Args: noArguments,
	}
	flags := addConfigFlags(cmd.Flags())
	repeat := cmd.Flags().Int("repeat", 10, "timed steps")
	printsBench(cmd, func(cmd *cobra.Command) (benchReporter, error) {
		config, err := flags.resolve(cmd.Flags())
		if err != nil {
			return nil, err
		}
		if *repeat < 1 {
			return nil, usageError{fmt.Errorf("--repeat %d, want at least 1", *repeat)}
		}
		return benchTrain(cmd.Context(), config, *repeat, cmd.ErrOrStderr())
	})
	return cmd
}

// benchTrainReport is what `bench train` prints.
type benchTrainReport struct {
	benchHead
	Engine  benchEngineInfo `json:"engine"`
	Devices int             `json:"devices"`
	Source  string          `json:"source"`
	Config  run.Config      `json:"config"`
	// Feed, Step and Both are images a second: of the feed alone, the step alone, and of the two together.
	Feed float64 `json:"feed_images_per_second"`
	Step float64 `json:"step_images_per_second"`
	Both float64 `json:"both_images_per_second"`
	// DataWait is the share of the time, 0 to 1, that the step waited for data when both ran.
	DataWait float64 `json:"data_wait"`
	// Host is the host's share of a step when both ran; nil for the go engine, which is the host.
	Host *hostShare `json:"host,omitempty"`
	// Limit is what limits: data or step.
	Limit string `json:"limit"`
	// AnonBytes is the process's anonymous memory (RssAnon) at the end, 0 where the system does not tell.
	AnonBytes int64 `json:"anon_bytes,omitempty"`
}

func benchTrain(ctx context.Context, config run.Config, repeat int, talk io.Writer) (*benchTrainReport, error) {
	config.KNN.Every = 0 // nothing is judged
	config, cleanUp, err := withSpecimens(config, talk)
	if err != nil {
		return nil, err
	}
	defer cleanUp()
	source, err := config.Data.Source("train", nil)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	if err := config.ValidateData(source.Info().N); err != nil {
		return nil, err
	}
	engine, err := openFor(config, nil)
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	b, err := newTrainBench(engine, config, source)
	if err != nil {
		return nil, err
	}
	defer b.step.Close()
	r := &benchTrainReport{
		benchHead: newBenchHead(), Engine: benchEngineInfo{Name: engine.EngineName(), Version: engine.PluginVersion()},
		Devices: engine.NumDevices(), Source: fmt.Sprintf("%s, %d images", source.Info().Name, source.Info().N), Config: config,
	}
	fmt.Fprintf(talk, "feed, step and both, %d batches of %d each ...\n", repeat, config.MoCo.Batch)
	if err := b.measure(ctx, r, repeat); err != nil {
		return nil, err
	}
	r.AnonBytes = anonymousMemory()
	r.Limit = "step"
	if r.Feed < r.Step {
		r.Limit = "data"
	}
	return r, nil
}

// withSpecimens draws images where a folder preset's own folder is not there.
func withSpecimens(c run.Config, talk io.Writer) (run.Config, func(), error) {
	preset, err := run.Preset(c.Preset)
	if c.Data.Kind != "folder" || err != nil || c.Data.Dir != preset.Data.Dir {
		return c, func() {}, nil
	}
	if _, err := os.Stat(c.Data.Dir); !errors.Is(err, os.ErrNotExist) {
		return c, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "mocotpu-bench-*")
	if err != nil {
		return c, nil, err
	}
	n := max(c.MoCo.Batch*2, 512)
	fmt.Fprintf(talk, "%s is not there: drawing %d images ...\n", c.Data.Dir, n)
	err = specimen.Folder(filepath.Join(dir, "train"), specimen.Options{Images: n, Classes: 8, Width: 500, Height: 375})
	if err != nil {
		os.RemoveAll(dir)
		return c, nil, err
	}
	c.Data.Dir = dir
	return c, func() { os.RemoveAll(dir) }, nil
}

// trainBench is a compiled step and what feeds it.
type trainBench struct {
	engine *xla.Engine
	config run.Config
	step   *step.Step
	views  augment.Config
	source data.Source
}

func newTrainBench(engine *xla.Engine, c run.Config, source data.Source) (*trainBench, error) {
	b := &trainBench{engine: engine, config: c, source: source}
	var err error
	if b.views, err = augment.Preset(c.Views.Preset); err != nil {
		return nil, usageError{err}
	}
	definition, err := c.Step()
	if err != nil {
		return nil, usageError{err}
	}
	c.Engine.Devices = engine.NumDevices()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	m, err := mesh.New(engine, engine.NumDevices())
	if err != nil {
		return nil, err
	}
	if b.step, err = step.New(m, definition, c.Run.Seed); err != nil {
		return nil, err
	}
	info := source.Info()
	return b, b.step.Compile(info.Size, info.Channels)
}

// measure times the three, each after a batch that warms up.
func (b *trainBench) measure(ctx context.Context, r *benchTrainReport, repeat int) error {
	rate := func(took time.Duration) float64 { return float64(repeat*b.config.MoCo.Batch) / took.Seconds() }
	took, _, _, err := b.pass(ctx, repeat, true, false)
	if err != nil {
		return err
	}
	r.Feed = rate(took)
	if took, _, _, err = b.pass(ctx, repeat, false, true); err != nil {
		return err
	}
	r.Step = rate(took)
	var waited time.Duration
	var host hostShare
	if took, waited, host, err = b.pass(ctx, repeat, true, true); err != nil {
		return err
	}
	if b.engine.EngineName() != "go" {
		r.Host = &host
	}
	r.Both, r.DataWait = rate(took), waited.Seconds()/took.Seconds()
	return nil
}

// pass takes batches from the feed, all or only the first, and runs the step on them or not.
func (b *trainBench) pass(ctx context.Context, repeat int, feeding, stepping bool) (took, waited time.Duration, host hostShare, err error) {
	feed, err := train.NewFeed(b.step, b.source, b.views, b.config.Run.Seed)
	if err != nil {
		return 0, 0, host, err
	}
	defer func() { err = errors.Join(err, feed.Close()) }()
	last := repeat + 1
	if !feeding {
		last = 1
	}
	batches := feed.Start(ctx, 0, last)
	var batch train.Batch
	var watch hostWatch
	for i := range repeat + 1 {
		if i == 1 {
			watch = watchHost(b.engine)
		}
		if feeding || i == 0 {
			waiting := time.Now()
			var ok bool
			if batch, ok = <-batches; !ok {
				return 0, 0, host, context.Cause(ctx)
			}
			if batch.Err != nil {
				return 0, 0, host, batch.Err
			}
			if i > 0 {
				waited += time.Since(waiting)
			}
		}
		if stepping {
			if _, err := b.run(batch.Slot); err != nil {
				return 0, 0, host, err
			}
		}
		if feeding {
			feed.Release(batch)
		}
	}
	return time.Since(watch.start), waited, watch.share(repeat, waited, feed.InputBytes()), nil
}

// run executes the step and waits for its loss.
func (b *trainBench) run(slot *mesh.Slot) (loss float32, err error) {
	figures, err := b.step.Run(slot, float32(b.config.Optim.LR))
	if err != nil {
		return 0, fmt.Errorf("bench: step: %w", err)
	}
	return figures[moco.FigureLoss], nil
}

func (r *benchTrainReport) writeTable(w io.Writer) error {
	c := r.Config
	var b strings.Builder
	b.WriteString(r.line(fmt.Sprintf("%s, %d device(s)", r.Engine, r.Devices)))
	fmt.Fprintf(&b, "step: %s of width %d, %s, batch %d of %d px; data: %s\n\n",
		c.Encoder.Arch, c.Encoder.Width, c.Encoder.Precision, c.MoCo.Batch, c.Views.ImageSize, r.Source)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\timg/s\tms/step")
	rows := []string{"feed alone", "step alone", "both"}
	for i, rate := range []float64{r.Feed, r.Step, r.Both} {
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\n", rows[i], rate, 1000*float64(c.MoCo.Batch)/rate)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	faster := slices.Max([]float64{r.Feed, r.Step}) / min(r.Feed, r.Step)
	fmt.Fprintf(&b, "\nthe %s limits: the other is %.1f times as fast; waiting for data %.1f%% of the time", r.Limit, faster, 100*r.DataWait)
	if r.AnonBytes > 0 {
		fmt.Fprintf(&b, "; RssAnon %d MiB", r.AnonBytes>>20)
	}
	if r.Host != nil {
		fmt.Fprintf(&b, "\n%s", r.Host)
	}
	_, err := fmt.Fprintf(w, "%s\n", b.String())
	return err
}
