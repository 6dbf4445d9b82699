package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/setup"
)

// probeTime is how long an engine may take to open: a TPU's library waits for its hardware.
const probeTime = 2 * time.Minute

// opened is what a probe prints.
type opened struct {
	Devices int
	Version string
	Error   string
	NoTPU   bool // the reason of Error: libtpu is there
}

func newDoctor() *cobra.Command {
	var probe string
	var clear bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Tell which engines work on this machine, and how to get the others",
		Long: "Opens every engine that is installed, and tells how to get the others.\n\n" +
			"What is compiled is kept, so that the second start of a run does not compile: in the folder that $MOCOTPU_CACHE\n" +
			"names, else in mocotpu/programs of the user's cache folder, up to 4 GB. MOCOTPU_CACHE=off keeps nothing.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if probe != "" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(open(probe))
			}
			rows := setup.Doctor(func(engine string) (int, string, error) { return probeEngine(cmd.Context(), engine) })
			if err := setup.WriteTable(cmd.OutOrStdout(), rows); err != nil {
				return err
			}
			if err := tellPrograms(cmd.OutOrStdout(), clear); err != nil {
				return err
			}
			for _, row := range rows {
				if row.Usable() {
					return nil
				}
			}
			return errors.New("no engine works")
		},
	}
	cmd.Flags().StringVar(&probe, "probe", "", "open this engine and print what it has, as JSON")
	_ = cmd.Flags().MarkHidden("probe") // the flag exists
	cmd.Flags().BoolVar(&clear, "clear-programs", false, "remove the compiled programs that are kept")
	return cmd
}

// open opens an engine in this process.
func open(engine string) opened {
	e, err := xla.Open(engine, xla.Options{})
	if err != nil {
		return opened{Error: err.Error(), NoTPU: noTPU(err)}
	}
	defer e.Close()
	return opened{Devices: e.NumDevices(), Version: e.PluginVersion()}
}

// probeEngine opens an engine in a child process: a plugin may abort its process, or wait for ever.
func probeEngine(ctx context.Context, engine string) (devices int, version string, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	child := exec.CommandContext(ctx, self, "doctor", "--probe="+engine)
	var talk strings.Builder
	child.Stderr = &talk
	text, err := child.Output()
	if ctx.Err() != nil {
		return 0, "", fmt.Errorf("it did not open within %s", probeTime)
	}
	var found opened
	if err != nil || json.Unmarshal(text, &found) != nil {
		return 0, "", fmt.Errorf("opening it ended the process: %v: %s", err, lastLine(talk.String()))
	}
	if found.NoTPU {
		return 0, "", fmt.Errorf("%w in this machine: it only compiles (mocotpu compile)", setup.ErrNoDevice)
	}
	if found.Error != "" {
		return 0, "", errors.New(found.Error)
	}
	return found.Devices, found.Version, nil
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndex(text, "\n")+1:]
}
