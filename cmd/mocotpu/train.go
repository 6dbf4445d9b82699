package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/machine"
	"github.com/mocotpu/mocotpu/cmd/internal/peers"
	"github.com/mocotpu/mocotpu/cmd/internal/runflags"
	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/train"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/programs"
	"github.com/mocotpu/mocotpu/xla/setup"
)

func newTrain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train an encoder, and watch by nearest neighbours whether it learns",
		Long: "Trains the preset's encoder by Momentum Contrast. Each epoch prints the loss against its chance level and\n" +
			"the accuracy of a nearest-neighbour classifier on held-out images, the first time before training.\n" +
			"Ctrl-C or SIGTERM stops after the step in flight and writes a checkpoint. The same command with --dir goes on\n" +
			"with the run, bit for bit.",
		Example: "  mocotpu train                                        # drawn characters, on the best engine there is\n" +
			"  mocotpu train --backend=cpu --devices=8              # the same numbers on eight devices\n" +
			"  mocotpu train --preset=cifar10 --backend=cuda\n" +
			"  mocotpu train --preset=moco-v2 --data=photos         # images of your own: see mocotpu data pack\n" +
			"  mocotpu train --dir runs/glyphs-20260102-030405      # go on with a run",
		Args: noArguments,
	}
	configuration := runflags.Add(cmd.Flags())
	asJSON := cmd.Flags().Bool("json", false, "print every row of metrics.jsonl, as JSON, and nothing else, on standard output")
	withEvents := cmd.Flags().Bool("tensorboard", false, "write TensorBoard event files, too, into tensorboard/ of the run directory")
	processes := addProcessFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		config, err := configuration.Resolve(cmd.Flags())
		if err != nil {
			return usageError{err}
		}
		if config.Run.Dir == "" {
			config.Run.Dir = filepath.Join("runs", config.Preset+"-"+time.Now().Format("20060102-150405"))
		}
		others, several, err := processes.config(cmd.Flags())
		if err != nil {
			return err
		}
		if !several {
			return trainWith(cmd, config, nil, *asJSON, *withEvents)
		}
		return peers.Together(cmd.Context(), others, cmd.ErrOrStderr(), func(p *peers.Peers) error {
			return trainWith(cmd, config, p, *asJSON, *withEvents)
		})
	}
	return cmd
}

// trainWith trains in this process and those that others are; nil for this one alone.
func trainWith(cmd *cobra.Command, config run.Config, others *peers.Peers, asJSON, withEvents bool) error {
	engine, err := machine.Open(config, programs.Kept(cmd.ErrOrStderr()), others.Engine())
	if err != nil {
		return withoutTPU(err)
	}
	defer engine.Close()
	if err := others.Watch(engine, func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), text) }); err != nil {
		return err
	}
	if engine.EngineName() == "tpu" {
		err := machine.CheckPlan(cmd.Context(), cmd.ErrOrStderr(), config, engine.PluginVersion(), engine.NumDevices())
		if err != nil {
			return err
		}
	}
	out, talk := cmd.OutOrStdout(), cmd.ErrOrStderr()
	if others.Follows() {
		out, talk = io.Discard, io.Discard
	}
	report := terminal.NewTraining(out, talk, asJSON, &guard.Unsaved)
	for _, skipped := range engine.Skipped() {
		report.Note(fmt.Sprintf("engine not used: %v", skipped))
	}
	if engine.EngineName() == "go" && config.Engine.Backend == "auto" {
		report.Note("the go engine is slow, and only it is installed: mocotpu setup cpu, or --preset=glyphs-go to see it learn")
	}
	if note := machine.PrecisionNote(config, engine.EngineName()); note != "" {
		report.Note(note)
	}
	report.Begin(config, engineInWords(engine), engine.NumDevices())
	events := &train.TensorBoard{Reporter: report, Dir: filepath.Join(config.Run.Dir, "tensorboard")}
	var watcher train.Reporter = report
	switch {
	case others.Follows():
		watcher = follower{report, cmd.ErrOrStderr()}
	case withEvents:
		watcher = events
	}
	result, err := train.Train(cmd.Context(), config, train.Machine{
		Backend: engine, Devices: engine.NumDevices(), Versions: versions(engine), Peers: others.Trainer(),
	}, watcher)
	report.End(config, result)
	guard.Unsaved.Store(others != nil) // the others are waited for
	return errors.Join(machine.ExplainMemory(cmd.ErrOrStderr(), engine, config, err), events.Close())
}

// follower shows of a run that another process shows what only this one knows.
type follower struct {
	*terminal.Training
	talk io.Writer
}

// Note implements [train.Reporter].
func (f follower) Note(text string) { fmt.Fprintln(f.talk, text) }

// engineInWords is an engine with its plugin's version.
func engineInWords(e *xla.Engine) string {
	if v := e.PluginVersion(); v != "" {
		return e.EngineName() + " (" + v + ")"
	}
	return e.EngineName()
}

// withoutTPU says what can be done where there is no TPU.
func withoutTPU(err error) error {
	if !errors.Is(err, setup.ErrNoDevice) {
		return err
	}
	return usageError{fmt.Errorf("%w\nwithout one: mocotpu compile --topology=v3-8, with the same flags, compiles this very step for a TPU that is not "+
		"there and reports what it needs; mocotpu train --backend=cpu --devices=8 computes the numbers of eight cores", err)}
}
