package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/cmd/internal/runflags"
	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/cmd/mocotpu/bench"
	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

func newBench() *cobra.Command {
	cmd := &cobra.Command{
		Use: "bench", Short: "Time training and the reading of images on this machine, beside PyTorch and JAX", Args: noArguments,
		Long: "Each bench prints a table, JSON, or with --format=bench the format of Go's benchmarks, which benchstat reads: a line\n" +
			"for each timed step. The revision stands in it, if mocotpu was built by go build, so this compares two commits:\n\n" +
			"  mocotpu bench step --repeat=10 --format=bench >> steps.txt      # built from each of them\n" +
			"  go run golang.org/x/perf/cmd/benchstat@latest -col revision steps.txt",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBenchPeers(), newBenchStep(), newBenchData(), newBenchTrain(), newBenchRoofline(), newBenchKNN())
	return cmd
}

// benchEngines opens engines as train does.
var benchEngines = bench.Engines{
	Open:    func(c run.Config) (*xla.Engine, error) { return machine.Open(c, nil, nil, nil) },
	Explain: machine.ExplainMemory,
	Errors:  append([]error{machine.ErrTooBig}, usageErrors...),
}

// printsBench makes cmd print what measure reports.
func printsBench(cmd *cobra.Command, measure func(talk io.Writer) (*bench.Report, error)) *cobra.Command {
	format := cmd.Flags().String("format", bench.Formats[0], "how to print the report: "+strings.Join(bench.Formats, ", "))
	cmd.Args = noArguments
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := bench.CheckFormat(*format); err != nil {
			return err
		}
		report, err := measure(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		report.Command = commandLine(cmd)
		return report.Write(cmd.OutOrStdout(), *format)
	}
	return cmd
}

// benchesConfig makes cmd measure a configuration, which its flags describe.
func benchesConfig(cmd *cobra.Command, o *bench.Options, measure func(c run.Config, o bench.Options) (*bench.Report, error)) *cobra.Command {
	configuration := runflags.Add(cmd.Flags())
	cmd.Flags().IntVar(&o.Repeat, "repeat", o.Repeat, "timed steps")
	return printsBench(cmd, func(talk io.Writer) (*bench.Report, error) {
		config, err := configuration.Resolve(cmd.Flags())
		if err != nil {
			return nil, settings.Invalid(err)
		}
		o.Engines, o.Built, o.Talk = benchEngines, run.Built(), talk
		return measure(config, *o)
	})
}

// addCounts declares --counts.
func addCounts(flags *pflag.FlagSet, o *bench.Options) {
	flags.IntSliceVar(&o.Counts, "counts", nil, "numbers of devices (default --devices, or 1 and 8, fewer where the engine or --bn-groups want it)")
}

func newBenchStep() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "step",
		Short: "Time one training step on one device and on several, and print the share of it that the views take",
		Long: "Compiles the configuration's training step for each number of devices and times it over noise, from uint8\n" +
			"images on the host to the updated state; no data set is read. One step warms up. On the CPU the devices\n" +
			"are virtual: eight of them share the cores of one, and what they take longer is the price of being eight.\n\n" +
			"The step with plain views (images scaled, nothing random) leaves out the augmentation, which is part of our\n" +
			"step and elsewhere belongs to the data loader: see bench peers.",
		Example: "  mocotpu bench step\n" +
			"  mocotpu bench step --preset=cifar10 --batch=64 --counts=1,2,8 --repeat=5 --format=bench",
	}
	o := bench.Options{Repeat: 10}
	benchesConfig(cmd, &o, func(c run.Config, o bench.Options) (*bench.Report, error) { return bench.Step(cmd.Context(), c, o) })
	addCounts(cmd.Flags(), &o)
	return cmd
}

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
	}
	return benchesConfig(cmd, &bench.Options{Repeat: 10}, func(c run.Config, o bench.Options) (*bench.Report, error) {
		return bench.Train(cmd.Context(), c, o)
	})
}

func newBenchPeers() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "peers",
		Short: "Time the training step and an epoch's steps in mocotpu, PyTorch and JAX: one table",
		Long: "Times one and the same training of MoCo in each program, one after the other, each in a process of its own:\n\n" +
			"  step   from a batch of uint8 images on the host, which are only scaled, to the new state\n" +
			"  epoch  from a packed set: images read, both views drawn and made, and the step, the loss read after each\n\n" +
			"All begin with the same parameters, queue and images, so that their losses agree. PyTorch runs\n" +
			"facebookresearch/moco's algorithm on one device, in several memory layouts, compiled, and in bfloat16 (autocast);\n" +
			"its views are torchvision's, made by as many workers of a DataLoader as there are cores. JAX runs the step as one\n" +
			"jitted function. What is not installed is left out, with the reason. Without a packed set in --data, images are\n" +
			"drawn and packed for the purpose. compile s is what the first step takes longer than a later one (torch.compile has\n" +
			"compiled before when it runs the epoch), ratio the images per second over the best peer's of the same precision.\n" +
			"Fewer steps are timed where --repeat of them would not end before the limit. Peers ignore --remat.",
		Example: "  mocotpu bench peers --preset=cifar10 --batch=128 --python=/opt/torch/bin/python --jax-python=/opt/jax/bin/python\n" +
			"  mocotpu bench peers --preset=moco-v2 --data=data/imagenet-mini-packed --backend=cuda --limit=5m --format=json",
	}
	o := bench.Options{Repeat: 5}
	benchesConfig(cmd, &o, func(c run.Config, o bench.Options) (*bench.Report, error) {
		if !cmd.Flags().Changed("jax-python") {
			o.JAXPython = o.Python
		}
		return bench.Peers(cmd.Context(), c, o)
	})
	addCounts(cmd.Flags(), &o)
	cmd.Flags().StringVar(&o.Python, "python", "python3", "Python to look for PyTorch and torchvision in; empty leaves them out")
	cmd.Flags().StringVar(&o.JAXPython, "jax-python", "", "Python to look for JAX in (default that of --python); empty leaves it out")
	cmd.Flags().DurationVar(&o.Limit, "limit", 150*time.Second, "how long a program may take; then it is killed")
	return cmd
}

func newBenchData() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "Time the reading of images: decoded on the way, packed, and by PyTorch's loader where that is installed",
		Long: "Decodes a folder of images and squeezes them to the canvas, with each JPEG library there is; packs them, with\n" +
			"checksum and sync; and copies batches from the packed set, mapped into memory and warm, by one thread. Without\n" +
			"--folder it draws JPEGs of 500x375 pixels into a temporary folder. PyTorch reads the same folder with an\n" +
			"ImageFolder and a DataLoader.",
		Example: "  mocotpu bench data\n" +
			"  mocotpu bench data --folder=data/imagenet-mini --images=5000 --format=json",
	}
	var o bench.DataOptions
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&o.Folder, "folder", "", "folder of images or shards to read (default: images drawn for the purpose)")
	cmd.Flags().IntVar(&o.Images, "images", 1024, "images to draw, or of the folder to read (0: all)")
	cmd.Flags().IntVar(&o.Canvas, "canvas", dataset.DefaultCanvas, "side of the square that images are squeezed to, in pixels")
	cmd.Flags().IntVar(&o.Batch, "batch", 64, "images of a batch")
	cmd.Flags().IntVar(&o.Workers, "workers", runtime.NumCPU(), "images decoded at a time, and workers of PyTorch's loader")
	cmd.Flags().StringVar(&o.Python, "python", "python3", "Python to look for PyTorch in; empty leaves the comparison out")
	cmd.Flags().DurationVar(&o.Limit, "limit", 10*time.Minute, "how long PyTorch may take; then it is killed")
	return printsBench(cmd, func(talk io.Writer) (*bench.Report, error) {
		o.Built, o.Talk = run.Built(), talk
		return bench.Data(cmd.Context(), o)
	})
}

func newBenchRoofline() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "roofline",
		Short: "Say how far the training step is from the peaks of this machine, and which work takes how much",
		Long: "Measures what the engine reaches at best on one device, in products of matrices, a convolution and a sum of long\n" +
			"arrays; times the step, and traces how much of it each class of work takes; and counts in the compiled program what\n" +
			"each class computes and moves. The ideal time of an instruction is that of its operations or that of its bytes at\n" +
			"these peaks, whichever is longer; reached is how much of a class's time that is. Operations that run side by side\n" +
			"share that time equally, one that waits for a core among them: only on one core (taskset -c 0) are the times their own.\n" +
			"Only the CPU plugin that mocotpu setup cpu makes tells the times of classes.",
		Example: "  mocotpu bench roofline\n" +
			"  mocotpu bench roofline --preset=cifar10 --batch=128 --precision=bfloat16 --format=json",
	}
	return benchesConfig(cmd, &bench.Options{Repeat: 5}, func(c run.Config, o bench.Options) (*bench.Report, error) {
		return bench.Roofline(cmd.Context(), c, o)
	})
}

func newBenchKNN() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "knn",
		Short: "Time the search for nearest neighbours in a large bank, beside faiss, and say before what it takes",
		Long: "Draws a bank of features and queries of 1000 classes, and times the search that kNN evaluation makes, from the features\n" +
			"to each query's neighbours; then the flat index of faiss (pip install faiss-cpu) on the same rows, in a process of\n" +
			"its own. The neighbours of both are compared. What the search takes of memory and time is said first; what does not\n" +
			"fit this process is refused. --plan only says it. An operation is a query; cpu is the time of all cores together.",
		Example: "  mocotpu bench knn --bank=1280000 --queries=1000 --dim=2048 --python=/opt/faiss/bin/python\n" +
			"  mocotpu bench knn --bank=1280000 --queries=50000 --dim=2048 --plan",
	}
	o := bench.KNNOptions{Size: judge.Size{Bank: 100_000, Queries: 1000, Dim: 128, K: 200}, Repeat: 1, Limit: time.Hour}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&o.Size.Bank, "bank", o.Size.Bank, "rows to search")
	flags.IntVar(&o.Size.Queries, "queries", o.Size.Queries, "rows to look for")
	flags.IntVar(&o.Size.Dim, "dim", o.Size.Dim, "features of a row")
	flags.IntVar(&o.Size.K, "neighbours", o.Size.K, "neighbours to find for each")
	flags.IntVar(&o.Repeat, "repeat", o.Repeat, "timed searches")
	flags.BoolVar(&o.Plan, "plan", false, "only say what memory and time it takes")
	flags.StringVar(&o.Python, "python", "python3", "Python to look for faiss in; empty leaves it out")
	flags.DurationVar(&o.Limit, "limit", o.Limit, "how long faiss may take, its index included; then it is killed")
	e := addBackendFlags(flags)
	return printsBench(cmd, func(talk io.Writer) (*bench.Report, error) {
		if err := checkBackend(e.Backend); err != nil {
			return nil, err
		}
		o.Engines, o.Engine, o.Built, o.Talk = benchEngines, *e, run.Built(), talk
		return bench.KNN(cmd.Context(), o)
	})
}

// commandLine is the command with the flags that were given.
func commandLine(cmd *cobra.Command) string {
	words := []string{cmd.CommandPath()}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		words = append(words, fmt.Sprintf("--%s=%s", f.Name, strings.Trim(f.Value.String(), "[]")))
	})
	return strings.Join(words, " ")
}
