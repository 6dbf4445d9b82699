// Package training trains a configuration on the engine that is opened for it, in one process or with others, and shows the
// run.
package training

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/train"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// Options say how a run is shown.
type Options struct {
	// Chosen are settings that were chosen for the images, which are shown first.
	Chosen []run.Choice
	// Out gets the results, and Talk the rest.
	Out, Talk io.Writer
	// JSON prints the rows of metrics.jsonl on Out, and nothing else.
	JSON bool
	// Program is the file of the compiled step, "" to compile it.
	Program string
	// Events writes TensorBoard's files, too.
	Events bool
	// Versions of the program and its libraries, by name, with those of the engine.
	Versions func(*xla.Engine) map[string]string
}

// Train trains a configuration in the processes that were asked for, of which this is one. It waits for the others, and ends
// as they do: the error is [rendezvous.ErrLost] where another process has ended the run, and a [guard.Signalled] in all of
// them where one was signalled to stop. What the processes' flags or the environment say wrongly is [settings.ErrInvalid].
func Train(ctx context.Context, c run.Config, p Processes, o Options) error {
	joined, several, err := p.config()
	if err != nil {
		return err
	}
	if !several {
		return inThis(ctx, c, nil, o)
	}
	return together(ctx, joined, o.Talk, func(others *peers) error { return inThis(ctx, c, others, o) })
}

// inThis trains in this process, beside the others where there are any.
func inThis(ctx context.Context, c run.Config, others *peers, o Options) error {
	if !others.follows() {
		for _, choice := range o.Chosen {
			fmt.Fprintf(o.Talk, "chosen: --%s=%s, %s\n", choice.Flag, choice.Value, choice.Why)
		}
	}
	saved, err := machine.Program(o.Program, c)
	if err != nil {
		return err
	}
	engine, err := machine.Open(c, programs.Kept(o.Talk), others.engine(), saved)
	if err != nil {
		return err
	}
	defer engine.Close()
	if err := others.watch(engine, func(text string) { fmt.Fprintln(o.Talk, text) }); err != nil {
		return err
	}
	if engine.EngineName() == "tpu" && saved == nil { // one that did not fit was not saved
		if err := machine.CheckPlan(ctx, o.Talk, c, engine.PluginVersion(), engine.NumDevices()); err != nil {
			return err
		}
	}
	out, talk := o.Out, o.Talk
	if others.follows() {
		out, talk = io.Discard, io.Discard
	}
	report := terminal.NewTraining(out, talk, o.JSON, &guard.Unsaved)
	for _, skipped := range engine.Skipped() {
		report.Note(fmt.Sprintf("engine not used: %v", skipped))
	}
	if engine.EngineName() == "go" && c.Engine.Backend == "auto" {
		report.Note("the go engine is slow, and only it is installed: mocotpu setup cpu, or --preset=glyphs-go to see it learn")
	}
	if note := machine.PrecisionNote(c, engine.EngineName()); note != "" {
		report.Note(note)
	}
	if saved != nil {
		report.Note("the step is not compiled but loaded from " + saved.Path)
	}
	report.Begin(c, inWords(engine), engine.NumDevices())
	events := &train.TensorBoard{Reporter: report, Dir: filepath.Join(c.Run.Dir, run.EventsDir)}
	var watcher train.Reporter = report
	switch {
	case others.follows():
		watcher = follower{report, o.Talk}
	case o.Events:
		watcher = events
	}
	result, err := train.Train(ctx, c, train.Machine{
		Backend: engine, Devices: engine.NumDevices(), Versions: o.Versions(engine), Peers: others.trainer(), Loads: saved != nil,
	}, watcher)
	report.End(c, result)
	guard.Unsaved.Store(others != nil) // the others are waited for
	return errors.Join(machine.ExplainMemory(o.Talk, engine, c, err), events.Close())
}

// follower shows of a run that another process shows what only this one knows.
type follower struct {
	*terminal.Training
	talk io.Writer
}

// Note implements [train.Reporter].
func (f follower) Note(text string) { fmt.Fprintln(f.talk, text) }

// inWords is an engine with its plugin's version.
func inWords(e *xla.Engine) string {
	if v := e.PluginVersion(); v != "" {
		return e.EngineName() + " (" + v + ")"
	}
	return e.EngineName()
}
