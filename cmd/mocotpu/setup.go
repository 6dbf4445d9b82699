package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/xla/cpuplugin"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/setup"
)

func newSetup() *cobra.Command {
	var o setup.Options
	cmd := &cobra.Command{
		Use:       "setup [" + strings.Join(setup.Engines, "|") + "]",
		Short:     "Install the plugin of an engine (default cpu)",
		ValidArgs: setup.Engines,
		Long: "Installs the PJRT plugin of an engine, in pinned versions with checksums, below $MOCOTPU_HOME or\n" +
			"~/.local/share/mocotpu. The second time it does nothing, and needs no network.\n\n" +
			"  cpu   our own, built with g++ over the wheels of TensorFlow and oneDNN (313 MB to download, 39 where python3 has\n" +
			"        tensorflow-cpu " + cpuplugin.TensorFlowVersion + ");\n" +
			"        without g++ or Python go-xla's prebuilt plugin, whose convolutions are slower\n" +
			"  cuda  JAX's CUDA plugin and the NVIDIA libraries it needs (2.5 GB to download); with\n" +
			"        --compile-only what mocotpu compile --topology=h100x8 needs, and no driver (247 MB)\n" +
			"  tpu   libtpu (137 MB to download)",
		Example: "  mocotpu setup cpu\n  mocotpu setup cuda --compile-only\n  mocotpu setup cuda --plugin /opt/pjrt_c_api_cuda_plugin.so",
		RunE: func(cmd *cobra.Command, args []string) error {
			engine := "cpu"
			if len(args) > 0 {
				engine = args[0]
			}
			if len(args) > 1 || !slices.Contains(setup.Engines, engine) {
				return settings.Invalid(fmt.Errorf("setup %s, want one of %s", strings.Join(args, " "), strings.Join(setup.Engines, ", ")))
			}
			if o.CompileOnly && (engine != "cuda" || o.Plugin != "") {
				return settings.Invalid(fmt.Errorf("setup %s: --compile-only is for cuda, and not with --plugin", engine))
			}
			o.Progress = func(text string) { fmt.Fprintln(cmd.ErrOrStderr(), text) }
			p, err := setup.Install(cmd.Context(), engine, o)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), p.Ready())
			return nil
		},
	}
	cmd.Flags().StringVar(&o.Plugin, "plugin", "", "path of a plugin that this machine has, instead of installing one")
	cmd.Flags().BoolVar(&o.CompileOnly, "compile-only", false, "of cuda, only what compiles for GPUs that are not there")
	return cmd
}
