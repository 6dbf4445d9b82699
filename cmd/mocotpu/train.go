package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/runflags"
	"github.com/mocotpu/mocotpu/cmd/internal/training"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/setup"
)

func newTrain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train an encoder, and watch by nearest neighbours whether it learns",
		Long: "Trains the preset's encoder by Momentum Contrast. Prints the loss against its chance level and, every\n" +
			"--knn-every epochs, the accuracy of a nearest-neighbour classifier on held-out images, first before training.\n" +
			"Ctrl-C or SIGTERM stops after the step in flight and writes a checkpoint. The same command with --dir goes on\n" +
			"with the run, bit for bit.",
		Example: "  mocotpu train                                        # drawn characters, on the best engine there is\n" +
			"  mocotpu train --backend=cpu --devices=8              # the same numbers on eight devices\n" +
			"  mocotpu train --preset=cifar10 --backend=cuda\n" +
			"  mocotpu train --preset=moco-v2 --data=photos         # images of your own: see mocotpu data pack\n" +
			"  mocotpu train --preset=auto --data=photos            # settings by what the images are: see mocotpu data doctor\n" +
			"  mocotpu train --dir runs/glyphs-20260102-030405      # go on with a run",
		Args: noArguments,
	}
	configuration := runflags.Add(cmd.Flags())
	asJSON := cmd.Flags().Bool("json", false, "print every row of metrics.jsonl, as JSON, and nothing else, on standard output")
	withEvents := cmd.Flags().Bool("tensorboard", false, "write TensorBoard event files, too, into tensorboard/ of the run directory")
	program := cmd.Flags().String("program", "", "file of the compiled step, from mocotpu compile --save: it is code, so use your own")
	runflags.SetGroup(cmd.Flags(), runflags.GroupEngine, "program")
	var processes training.Processes
	cmd.Flags().StringVar(&processes.Coordinator, "coordinator", "", "HOST:PORT where process 0 listens, the same in all processes (default: found in the environment)")
	cmd.Flags().IntVar(&processes.Count, "processes", 0, "how many processes train the run, with --devices devices each (1: this one alone, whatever the environment says)")
	cmd.Flags().IntVar(&processes.Index, "process", -1, "number of this process, from 0 (-1: found in the environment)")
	runflags.SetGroup(cmd.Flags(), runflags.GroupProcesses, "coordinator", "processes", "process")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		config, err := configuration.Resolve(cmd.Flags())
		if err != nil {
			return settings.Invalid(err)
		}
		config.Run.Dir = cmp.Or(config.Run.Dir, filepath.Join("runs", config.Preset+"-"+time.Now().Format("20060102-150405")))
		if *program != "" && processes.Count > 1 {
			return settings.Invalid(errors.New("train: --program is for one process: leave it out, or --processes"))
		}
		return withoutTPU(training.Train(cmd.Context(), config, processes, training.Options{
			Out: cmd.OutOrStdout(), Talk: cmd.ErrOrStderr(), JSON: *asJSON, Events: *withEvents,
			Chosen: configuration.Chosen, Program: *program, Versions: versions,
		}))
	}
	return cmd
}

// withoutTPU says what can be done where there is no TPU.
func withoutTPU(err error) error {
	if !errors.Is(err, setup.ErrNoDevice) {
		return err
	}
	return settings.Invalid(fmt.Errorf("%w\nwithout one: mocotpu compile --topology=v3-8, with the same flags, compiles this very step for a TPU that is not "+
		"there and reports what it needs; mocotpu train --backend=cpu --devices=8 computes the numbers of eight cores", err))
}
