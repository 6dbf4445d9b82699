package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/runflags"
	"github.com/mocotpu/mocotpu/cmd/internal/terminal"
	"github.com/mocotpu/mocotpu/cmd/internal/training"
	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/run/checkpoint"
	"github.com/mocotpu/mocotpu/models/train"
	"github.com/mocotpu/mocotpu/tpu"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/host/regular"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/rendezvous"
)

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitTooBig      = 3
	exitUnexpected  = 4
	exitInterrupted = 130
)

// usageErrors are the errors of exit code 2.
var usageErrors = []error{
	data.ErrMissing, data.ErrCorrupt, data.ErrUnread, settings.ErrInvalid, run.ErrIncompatible, run.ErrDirectory, xla.ErrNoPlugin, tpu.ErrUnknown, rendezvous.ErrJoin, train.ErrOtherRun,
	packed.ErrChecksum, packed.ErrExists, packed.ErrBusy, packed.ErrDiskSpace, run.ErrNotRun, xla.ErrOptions, regular.ErrIrregular, regular.ErrTooLong, checkpoint.ErrDamaged,
	syscall.ELOOP, syscall.ENOTDIR, syscall.EISDIR, syscall.ENAMETOOLONG, // of names that were given
}

// execute is the command as a function: it returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	out := terminal.Plain(stdout)
	root.SetOut(out)
	root.SetErr(terminal.Plain(stderr))
	refuseUnknown(root)
	cmd := root
	err := guard.Explain(guard.Call(func() (err error) {
		cmd, err = root.ExecuteContextC(ctx)
		return err
	}), args, writeVersions)
	unwritten := terminal.WriteError(out)
	if err = cmp.Or(err, unwritten); err == nil {
		return exitDone
	}
	var launched training.Exited
	if errors.As(err, &launched) {
		return int(launched)
	}
	var s guard.Signalled
	signalled := errors.As(context.Cause(ctx), &s)
	if signalled && s.Signal == syscall.SIGPIPE || errors.Is(unwritten, syscall.EPIPE) { // nobody reads on
		return guard.Signalled{Signal: syscall.SIGPIPE}.Code()
	}
	said := err
	if signalled && errors.Is(err, context.Canceled) && !errors.Is(err, train.ErrInterrupted) { // which says how to go on
		said = fmt.Errorf("%s: %s before it was done", cmd.Name(), s)
	}
	tell(terminal.Plain(stderr), cmd, said)
	return exitCode(ctx, err)
}

// maxMessage bounds an error's text: a file can put anything into it.
const maxMessage = 8 << 10

// tell prints the error that ends cmd.
func tell(w io.Writer, cmd *cobra.Command, err error) {
	text := runflags.Message(cmd, err)
	if len(text) > maxMessage {
		text = fmt.Sprintf("%s... (%d bytes more)", text[:maxMessage], len(text)-maxMessage)
	}
	fmt.Fprintln(w, "mocotpu:", text)
}

// exitCode tells wrong input from failure.
func exitCode(ctx context.Context, err error) int {
	var s guard.Signalled
	if errors.As(err, &s) {
		return s.Code()
	}
	if errors.Is(err, rendezvous.ErrLost) {
		return rendezvous.ExitLost
	}
	if errors.Is(err, train.ErrInterrupted) || errors.Is(err, context.Canceled) {
		if errors.As(context.Cause(ctx), &s) {
			return s.Code()
		}
		return exitInterrupted
	}
	if errors.Is(err, train.ErrExpected) {
		return exitUnexpected
	}
	if errors.Is(err, machine.ErrTooBig) {
		return exitTooBig
	}
	if slices.ContainsFunc(usageErrors, func(usage error) bool { return errors.Is(err, usage) }) {
		return exitUsage
	}
	return exitFailed
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "mocotpu",
		Short: "Momentum Contrast (MoCo) pretraining on TPU, GPU and CPU",
		Long: "mocotpu trains image encoders without labels by Momentum Contrast (MoCo v1 and v2): one program,\n" +
			"compiled by XLA through PJRT for a TPU, a GPU or the CPU, on one device or on eight with the same numbers.",
		Example: "  mocotpu doctor                # what works on this machine\n" +
			"  mocotpu setup cpu             # install the CPU engine\n" +
			"  mocotpu train                 # learn drawn characters, in minutes",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArguments,
	}
	version := root.Flags().Bool("version", false, "print the versions of the program, its libraries and the plugins installed")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if *version {
			return writeVersions(cmd.OutOrStdout())
		}
		return cmd.Help()
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return settings.Invalid(fmt.Errorf("%w; see %s --help", runflags.FlagError(cmd, err), cmd.CommandPath()))
	})
	root.AddCommand(newTrain(), newLaunch(), newCompile(), newSetup(), newDoctor(), newData(), newBench(), newEmbed(), newSearch(), newExport(), newImport(), newEval(), newViews(), newRuns(), newReport(), newSelftest())
	completeFlags(root)
	runflags.GroupHelp(root)
	return root
}

// refuseUnknown has cobra's own commands refuse what they do not know. The output is set before: they keep it.
func refuseUnknown(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = func(_ *cobra.Command, args []string) error {
				topic, rest, _ := root.Find(args) // the root takes any argument
				return noArguments(topic, rest)
			}
		case "completion":
			c.Args, c.RunE = noArguments, root.RunE
			for _, shell := range c.Commands() {
				shell.Args = noArguments
			}
		}
	}
}

// noArguments refuses what is neither a flag nor a command.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		var names []string
		for _, c := range cmd.Commands() {
			names = append(names, c.Name())
		}
		hint := ""
		if near := settings.Nearest(args[0], names); near != "" {
			hint = "; did you mean " + near + "?"
		}
		return settings.Invalid(fmt.Errorf("unexpected argument %q%s; see %s --help", args[0], hint, cmd.CommandPath()))
	}
	return nil
}
