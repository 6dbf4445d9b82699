package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/runflags"
	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/mesh"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// evalFlags are what the user asks eval for.
type evalFlags struct {
	judge.Options
	data                    *dataFlags
	engine                  *engine.Config
	trainImages, testImages int
	out                     string
	force, json             bool
}

func newEval() *cobra.Command {
	f := evalFlags{Options: judge.DefaultOptions()}
	cmd := &cobra.Command{
		Use:   "eval RUN|FILE",
		Short: "Judge what an encoder learned: nearest neighbours, linear probes, finetuning, beside baselines",
		Long: "Judges the encoder of a run directory, or of a file that export or import wrote, on the run's data set or any\n" +
			"other, and prints a table with 95 % intervals. Nothing in the run directory changes.\n\n" +
			"  knn          k nearest neighbours by cosine similarity, weighted by exp(s/T), as in the MoCo CIFAR notebook\n" +
			"  linear-fast  a linear classifier on features computed once; the learning rate is chosen on held-out training images\n" +
			"  label-free   effective rank (RankMe), alignment and uniformity, and how often an image's other view is found: takes no\n" +
			"               labels, and is all there is for images without classes\n" +
			"  linear       the papers' protocol: crops and flips, frozen trunk, SGD at rate 30, 100 epochs; files are tested by their middle\n" +
			"  finetune     the whole encoder, on 1, 10 and 100 % of the labels\n\n" +
			"Baselines, judged by the same code: pixels (raw), untrained (weights drawn by the run's seed, BatchNorm recalibrated) and\n" +
			"supervised (the run's recipe with labels). The last takes as long as the run did.\n\n" +
			"--labels-per-class=1,10,100 has linear-fast and finetune learn from exactly so many labels of each class; beside\n" +
			"untrained, finetune compares a pretrained encoder with one that learns from scratch.",
		Example: "  mocotpu eval runs/glyphs-20260102-030405\n" +
			"  mocotpu eval runs/a --protocols=linear,finetune --baselines=untrained,supervised --devices=8\n" +
			"  mocotpu eval runs/a --labels-per-class=1,10,100 --protocols=linear-fast,finetune --baselines=untrained\n" +
			"  mocotpu eval encoder.safetensors --data=cifar10",
		Args: oneEncoder,
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.Protocols, "protocols", f.Protocols, "what to judge by: "+strings.Join(judge.Protocols, ", "))
	flags.StringSliceVar(&f.Baselines, "baselines", f.Baselines, "what to judge beside: "+strings.Join(judge.Baselines, ", ")+`, or "" for nothing`)
	f.engine = addEngineFlags(flags)
	f.data = addDataFlags(flags)
	flags.IntVar(&f.trainImages, "train-images", 0, "training images to use (0: as the run, or all)")
	flags.IntVar(&f.testImages, "test-images", 0, "test images to use (0: as the run, or all)")
	flags.IntSliceVar(&f.Ks, "knn-ks", f.Ks, "numbers of neighbours, ascending")
	flags.Float64Var(&f.Temperature, "knn-temperature", f.Temperature, "temperature of the neighbours' weights")
	flags.IntVar(&f.Epochs, "epochs", 0, "epochs of the classifiers (0: 100 for linear and linear-fast, 30, but at least 300 steps, for finetune)")
	flags.IntVar(&f.Batch, "batch", 0, "images of a step (0: 256 for linear and linear-fast, 128 for finetune)")
	flags.Float64Var(&f.LR, "lr", 0, "learning rate of linear (0: 30), or of finetune's classifier (0: 0.1; the trunk has a tenth)")
	flags.Float64SliceVar(&f.Labels, "labels", f.Labels, "`shares` of the labels to finetune on, in percent")
	flags.Lookup("labels").DefValue = strings.ReplaceAll(fmt.Sprint(f.Labels), " ", ",") // pflag has six decimals
	flags.IntSliceVar(&f.PerClass, "labels-per-class", nil, "labels of each class for linear-fast and finetune, drawn --draws times: such as 1,10,100; finetune then leaves --labels out")
	flags.IntVar(&f.Draws, "draws", f.Draws, "choices of those labels, whose spread gives the interval")
	flags.Uint64Var(&f.Seed, "seed", 0, "seed of the classifiers: first weights, order, crops, choice of labels")
	flags.StringVar(&f.out, "out", "", "file to write the report to (default <run or file>.report.json)")
	flags.BoolVar(&f.force, "force", false, "replace a report that is there already")
	flags.BoolVar(&f.json, "json", false, "print the report as JSON, and nothing else, on standard output")
	runflags.SetGroup(flags, runflags.GroupFirst, "protocols", "baselines", "data")
	runflags.SetGroup(flags, runflags.GroupData, "data-dir", "train-images", "test-images")
	runflags.SetGroup(flags, runflags.GroupEngine, "backend", "devices", "plugin")
	runflags.SetGroup(flags, runflags.GroupProtocols, "knn-ks", "knn-temperature", "epochs", "batch", "lr", "labels", "labels-per-class", "draws", "seed")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return eval(cmd, args[0], f) }
	return cmd
}

// eval judges, prints the table and writes the report.
func eval(cmd *cobra.Command, path string, f evalFlags) error {
	w, err := loadEncoder(cmd, path)
	if err != nil {
		return err
	}
	f.out = cmp.Or(f.out, run.Beside(w.Path, judge.ReportSuffix))
	if err := errors.Join(settings.Invalid(errors.Join(f.Validate(w, cmd.Flags().Changed), f.check())), mayWrite(f.force, given(w.Path, f.data.name, f.data.dir), f.out)); err != nil {
		return err
	}
	watch := terminal.NewStages(cmd.ErrOrStderr())
	defer watch.Close()
	train, test, err := f.open(cmd, w, watch)
	if err != nil {
		return err
	}
	defer train.Close()
	if test != nil {
		defer test.Close()
	}
	if f.mayDoWithout(cmd) && (test == nil || train.Info().Labels == nil || test.Info().Labels == nil) {
		watch.Note("without held-out images and classes for them, the encoder is judged without labels")
		f.Protocols = []string{judge.LabelFree}
	}
	opened, err := machine.OpenEngine(*f.engine, programs.Kept(cmd.ErrOrStderr()))
	if err != nil {
		return err
	}
	defer opened.Close()
	m, err := mesh.New(opened, opened.NumDevices())
	if err != nil {
		return err
	}
	found, err := judge.Evaluate(cmd.Context(), m, w, train, test, f.Options, watch)
	watch.End()
	if err != nil {
		return err
	}
	found.Engine, found.Versions = opened.EngineName(), versions(opened)
	text, err := found.Encode()
	if err != nil {
		return err
	}
	if err := durable.Replace(durable.Disk{}, f.out, text); err != nil {
		return err
	}
	if f.json {
		_, err = cmd.OutOrStdout().Write(text)
		return err
	}
	err = found.WriteTable(cmd.OutOrStdout())
	fmt.Fprintf(cmd.ErrOrStderr(), "written: %s\n", f.out)
	return err
}

// open opens both splits. The test images may be missing where a folder is judged without labels.
func (f evalFlags) open(cmd *cobra.Command, w *encoder.Weights, watch *terminal.Stages) (train, test data.Source, err error) {
	c, err := f.data.of(w)
	if err != nil {
		return nil, nil, err
	}
	if f.trainImages > 0 {
		c.TrainImages = f.trainImages
	}
	if f.testImages > 0 {
		c.TestImages = f.testImages
	}
	watch.Stage("reading " + c.Kind)
	if train, err = openSplit(cmd, c, "train"); err != nil {
		return nil, nil, err
	}
	test, err = openSplit(cmd, c, "test")
	if errors.Is(err, data.ErrMissing) && c.Kind == "folder" {
		if f.mayDoWithout(cmd) || slices.Equal(f.Protocols, []string{judge.LabelFree}) {
			return train, nil, nil
		}
		err = fmt.Errorf("%w; eval judges by held-out images: --data=FOLDER takes one with train/ and val/, with folders of classes in both", err)
	}
	if err != nil {
		return nil, nil, errors.Join(err, train.Close())
	}
	return train, test, nil
}

// mayDoWithout tells whether nothing was asked for that takes labels.
func (f evalFlags) mayDoWithout(cmd *cobra.Command) bool {
	return !cmd.Flags().Changed("protocols") && len(f.PerClass) == 0
}

// check lists what is wrong with the flags that are not judging's.
func (f evalFlags) check() error {
	var errs []error
	for _, flag := range []struct {
		name  string
		value int
	}{{"train-images", f.trainImages}, {"test-images", f.testImages}, {"devices", f.engine.Devices}} {
		if flag.value < 0 {
			errs = append(errs, fmt.Errorf("--%s: %d, want 0 or more", flag.name, flag.value))
		}
	}
	return errors.Join(append(errs, checkBackend(f.engine.Backend))...)
}
