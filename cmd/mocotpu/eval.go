package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/xla/engine"
)

// The protocols and baselines of eval, as they are named in flags and in report.json.
var (
	protocols = []string{"knn", "linear-fast", "linear", "finetune"}
	baselines = []string{"pixels", "untrained", "supervised"}
)

// evalFlags are what the user asks eval for.
type evalFlags struct {
	protocols, baselines    []string
	engine                  engine.Config
	data, dataDir           string
	trainImages, testImages int
	ks                      []int
	temperature             float64
	epochs, batch           int
	lr                      float64
	labels                  []float64
	seed                    uint64
	out                     string
	force, json             bool
}

func newEval() *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use:   "eval RUN|FILE",
		Short: "Judge what an encoder learned: nearest neighbours, linear probes, finetuning, beside baselines",
		Long: "Judges the encoder of a run directory, or of a file that export or import wrote, on the run's data set or any\n" +
			"other, and prints a table with 95 % intervals. Nothing in the run directory changes.\n\n" +
			"  knn          k nearest neighbours by cosine similarity, weighted by exp(s/T), as in the MoCo CIFAR notebook\n" +
			"  linear-fast  a linear classifier on features computed once; the learning rate is chosen on held-out training images\n" +
			"  linear       the papers' protocol: crops and flips, frozen trunk, SGD at rate 30, 100 epochs\n" +
			"  finetune     the whole encoder, on 1, 10 and 100 % of the labels\n\n" +
			"Baselines, judged by the same code: pixels (raw), untrained (the run's first weights, BatchNorm recalibrated) and\n" +
			"supervised (the run's recipe with labels). The last takes as long as the run did.",
		Example: "  mocotpu eval runs/glyphs-20260102-030405\n" +
			"  mocotpu eval runs/a --protocols=linear,finetune --baselines=untrained,supervised --devices=8\n" +
			"  mocotpu eval encoder.safetensors --data=cifar10",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("eval takes one run directory or file, got %d; see mocotpu eval --help", len(args))}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringSliceVar(&f.protocols, "protocols", protocols[:2], "what to judge by: "+strings.Join(protocols, ", "))
	flags.StringSliceVar(&f.baselines, "baselines", baselines[:2], "what to judge beside: "+strings.Join(baselines, ", ")+`, or "" for nothing`)
	flags.StringVar(&f.engine.Backend, "backend", "auto", "engine: "+strings.Join(engine.Backends, ", "))
	flags.IntVar(&f.engine.Devices, "devices", 0, "devices to use (0: one on the CPU, else all)")
	flags.StringVar(&f.engine.Plugin, "plugin", "", "path of a PJRT plugin to use instead of the installed one")
	flags.StringVar(&f.data, "data", "", "data set, if not the run's ("+strings.Join(dataset.Kinds, ", ")+", emnist/<split>), or another folder for a run on one")
	flags.StringVar(&f.dataDir, "data-dir", "", "folder of the data set's files (default: the run's, or data/<name>)")
	flags.IntVar(&f.trainImages, "train-images", 0, "training images to use (0: as the run, or all)")
	flags.IntVar(&f.testImages, "test-images", 0, "test images to use (0: as the run, or all)")
	flags.IntSliceVar(&f.ks, "knn-ks", []int{1, 5, 20, 200}, "numbers of neighbours, ascending")
	flags.Float64Var(&f.temperature, "knn-temperature", 0.1, "temperature of the neighbours' weights")
	flags.IntVar(&f.epochs, "epochs", 0, "epochs of the classifiers (0: 100 for linear and linear-fast, 30, but at least 300 steps, for finetune)")
	flags.IntVar(&f.batch, "batch", 0, "images of a step (0: 256 for linear and linear-fast, 128 for finetune)")
	flags.Float64Var(&f.lr, "lr", 0, "learning rate of linear (0: 30), or of finetune's classifier (0: 0.1; the trunk has a tenth)")
	flags.Float64SliceVar(&f.labels, "labels", []float64{1, 10, 100}, "shares of the labels to finetune on, in percent")
	flags.Uint64Var(&f.seed, "seed", 0, "seed of the classifiers: first weights, order, crops, choice of labels")
	flags.StringVar(&f.out, "out", "", "file to write the report to (default <run or file>.report.json)")
	flags.BoolVar(&f.force, "force", false, "replace a report that is there already")
	flags.BoolVar(&f.json, "json", false, "print the report as JSON, and nothing else, on standard output")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(); err != nil {
			return usageError{err}
		}
		source, err := openSource(args[0], f)
		if err != nil {
			return err
		}
		return evaluate(cmd, source, f)
	}
	return cmd
}

// check lists what is wrong with the flags.
func (f *evalFlags) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	choose := func(flag string, given, from []string) {
		for _, name := range given {
			if !slices.Contains(from, name) {
				bad("--%s: %q, want some of %s", flag, name, strings.Join(from, ", "))
			}
		}
	}
	choose("protocols", f.protocols, protocols)
	choose("baselines", f.baselines, baselines)
	choose("backend", []string{f.engine.Backend}, engine.Backends)
	if len(f.protocols) == 0 {
		bad("--protocols: none, want some of %s", strings.Join(protocols, ", "))
	}
	for i, k := range f.ks {
		if k < 1 || i > 0 && k <= f.ks[i-1] {
			bad("--knn-ks: %v, want ascending numbers from 1", f.ks)
			break
		}
	}
	for _, share := range f.labels {
		if !(share > 0 && share <= 100) {
			bad("--labels: %g, want percentages above 0, at most 100", share)
		}
	}
	for _, flag := range []struct {
		name  string
		value float64
	}{
		{"train-images", float64(f.trainImages)},
		{"test-images", float64(f.testImages)},
		{"epochs", float64(f.epochs)},
		{"batch", float64(f.batch)},
		{"devices", float64(f.engine.Devices)},
		{"lr", f.lr},
	} {
		if !(flag.value >= 0) {
			bad("--%s: %g, want 0 or more", flag.name, flag.value)
		}
	}
	if !(f.temperature > 0) {
		bad("--knn-temperature: %g, want above 0", f.temperature)
	}
	return errors.Join(errs...)
}

// source is what eval judges, and on what.
type source struct {
	path    string
	weights *encoder.Weights
	run     *run.Config // nil for a file
	data    dataset.Config
}

// openSource reads the encoder, and finds out which data set to judge it on.
func openSource(path string, f evalFlags) (*source, error) {
	w, err := encoder.Load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, encoder.ErrNotEncoder), errors.Is(err, checkpoint.ErrNone),
		errors.Is(err, checkpoint.ErrDamaged):
		return nil, usageError{err}
	case err != nil:
		return nil, err
	}
	s := &source{path: filepath.Clean(path), weights: w}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		record, err := run.ReadRecord(path)
		if err != nil {
			return nil, err
		}
		s.run, s.data = &record.Config, record.Data
	}
	if f.data == "" && s.run == nil && w.Manifest.Source.Data == "" {
		return nil, usageError{fmt.Errorf("%s does not say which data it was trained on: want --data", path)}
	}
	if s.run == nil {
		if err := setData(&s.data, w.Manifest.Source.Data); err != nil {
			return nil, usageError{err}
		}
	}
	if f.data != "" {
		kind, _, _ := strings.Cut(f.data, "/")
		if !slices.Contains(dataset.Kinds, kind) && s.data.Kind != "folder" {
			return nil, usageError{fmt.Errorf("--data: %q, want one of %s; a folder of images is --data=folder --data-dir=%s",
				f.data, strings.Join(dataset.Kinds, ", "), f.data)}
		}
		if err := setData(&s.data, f.data); err != nil {
			return nil, usageError{err}
		}
	}
	if f.dataDir != "" {
		s.data.Dir = f.dataDir
	}
	if f.trainImages > 0 {
		s.data.TrainImages = f.trainImages
	}
	if f.testImages > 0 {
		s.data.TestImages = f.testImages
	}
	if slices.Contains(f.baselines, "supervised") && s.run == nil {
		return nil, usageError{errors.New("--baselines: supervised takes the recipe of a run directory, and this is a file")}
	}
	return s, nil
}
