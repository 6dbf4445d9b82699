package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/train"
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
	flags := addConfigFlags(cmd.Flags())
	asJSON := cmd.Flags().Bool("json", false, "print every row of metrics.jsonl, as JSON, and nothing else, on standard output")
	withEvents := cmd.Flags().Bool("tensorboard", false, "write TensorBoard event files, too, into tensorboard/ of the run directory")
	processes := addProcessFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		config, err := flags.resolve(cmd.Flags())
		if err != nil {
			return err
		}
		if config.Run.Dir == "" {
			config.Run.Dir = filepath.Join("runs", config.Preset+"-"+time.Now().Format("20060102-150405"))
		}
		return processes.together(cmd, func(peers *peers) error {
			return trainWith(cmd, config, peers, *asJSON, *withEvents)
		})
	}
	return cmd
}

// trainWith trains in this process and those that peers are.
func trainWith(cmd *cobra.Command, config run.Config, peers *peers, asJSON, withEvents bool) error {
	engine, err := openFor(config, keptPrograms(cmd.ErrOrStderr()), peers.engine())
	if err != nil {
		return withoutTPU(err)
	}
	defer engine.Close()
	if engine.EngineName() == "tpu" {
		err := checkPlan(cmd.Context(), cmd.ErrOrStderr(), config, engine.PluginVersion(), engine.NumDevices())
		if err != nil {
			return err
		}
	}
	out, talk := cmd.OutOrStdout(), cmd.ErrOrStderr()
	if peers.follows() {
		out, talk = io.Discard, io.Discard
	}
	report := newReporter(out, talk, asJSON)
	for _, skipped := range engine.Skipped() {
		report.Note(fmt.Sprintf("engine not used: %v", skipped))
	}
	if engine.EngineName() == "go" && config.Engine.Backend == "auto" {
		report.Note("the go engine is slow, and only it is installed: mocotpu setup cpu, or --preset=glyphs-go to see it learn")
	}
	if note := precisionNote(config, engine.EngineName()); note != "" {
		report.Note(note)
	}
	report.start(config, engine)
	var watcher train.Reporter = report
	events := &eventReporter{reporter: report, dir: filepath.Join(config.Run.Dir, "tensorboard")}
	switch {
	case peers.follows():
		watcher = follower{report, cmd.ErrOrStderr()}
	case withEvents:
		watcher = events
	}
	result, err := train.Train(cmd.Context(), config, train.Machine{
		Backend: engine, Devices: engine.NumDevices(), Versions: versions(engine), Peers: peers.trainer(),
	}, watcher)
	report.end(config, result)
	unsaved.Store(peers != nil) // the others are waited for
	return errors.Join(explainMemory(cmd.ErrOrStderr(), engine, config, err), events.close())
}

// follower shows of a run that another process shows what only this one knows.
type follower struct {
	*reporter
	talk io.Writer
}

// Note implements [train.Reporter].
func (f follower) Note(text string) { fmt.Fprintln(f.talk, text) }

// isTerminal tells whether a person watches.
func isTerminal(w io.Writer) bool {
	f, ok := terminalOf(w).(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
