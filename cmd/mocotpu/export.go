package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/cmd/internal/runflags"
	"github.com/mocotpu/mocotpu/cmd/machine"
	"github.com/mocotpu/mocotpu/models/convert"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// exportTypes are the words of --dtype in those of safetensors.
var exportTypes = map[string]string{"float32": "F32", "bfloat16": "BF16"}

func newExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export RUN|FILE",
		Short: "Write a trained encoder as other software reads it",
		Long: "Writes the newest good checkpoint's query encoder of a run, or an encoder that export or import wrote:\n\n" +
			"  safetensors  torchvision's names and layouts: load_state_dict takes it, as does every mocotpu command\n" +
			"  moco         facebookresearch/moco's checkpoint with both encoders, queue and optimizer (of a run only)\n" +
			"  detectron2   the trunk under detectron2's names, for MODEL.WEIGHTS\n" +
			"  onnx         the encoder as a program of ONNX (opset 17), for any number and size of images\n" +
			"  stablehlo    the encoder and its preprocessing as XLA's text, and its weights, for --batch images\n" +
			"  timm         a folder for timm and the Hugging Face Hub: configuration, trunk, and a model card with its proof\n\n" +
			"What was written is read back and compared before it gets its name; a manifest beside it (.json) says what the\n" +
			"encoder is, how images become its input (size, mean, deviation), and the files' checksums.",
		Example: "  mocotpu export runs/glyphs-20260102-030405\n" +
			"  mocotpu export runs/moco-v2-20260102-030405 --format=moco --out=checkpoint_0199.pth.tar",
		Args: oneEncoder,
	}
	var o convert.Options
	var format, out, dtype string
	var force bool
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&format, "format", "safetensors", "what to write: "+strings.Join(convert.Formats(), ", "))
	flags.StringVar(&out, "out", "", "file to write (default encoder.<format's suffix>, or moco's checkpoint_NNNN.pth.tar)")
	flags.BoolVar(&o.Trunk, "trunk", false, "leave the head out")
	flags.StringVar(&dtype, "dtype", "float32", "type of the weights: float32, or bfloat16 (safetensors and timm only)")
	flags.StringVar(&o.License, "license", "", "license of the weights on timm's model card, by the Hub's name, such as mit (default: unknown)")
	flags.IntVar(&o.Batch, "batch", 1, "images that a stablehlo program takes")
	flags.BoolVar(&force, "force", false, "write over files that are there")
	engine := addBackendFlags(flags)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(convert.Formats(), format) {
			return settings.Invalid(fmt.Errorf("--format %s: want one of %s", format, strings.Join(convert.Formats(), ", ")))
		}
		for _, f := range []struct{ name, of string }{{"batch", "stablehlo"}, {"backend", "stablehlo"}, {"plugin", "stablehlo"}, {"license", "timm"}} {
			if flags.Changed(f.name) && format != f.of {
				return settings.Invalid(fmt.Errorf("--%s is for --format=%s, got --format=%s: leave one out", f.name, f.of, format))
			}
		}
		var ok bool
		if o.DType, ok = exportTypes[dtype]; !ok {
			return settings.Invalid(fmt.Errorf("--dtype %s: want float32 or bfloat16", dtype))
		}
		if err := checkBackend(engine.Backend); err != nil {
			return err
		}
		if o.Batch < 1 {
			return settings.Invalid(fmt.Errorf("--batch %d: want at least 1", o.Batch))
		}
		source, err := convert.LoadSource(args[0])
		if err != nil {
			return settings.Invalid(err)
		}
		tellNotes(cmd, source.Encoder)
		out = filepath.Clean(cmp.Or(out, source.DefaultPath(format)))
		made := convert.Paths(out, format)
		if info, err := os.Stat(out); format == "timm" && force && err == nil && info.IsDir() {
			made = made[1:] // a folder, of which files are replaced
		}
		if err := mayWrite(force, args, made...); err != nil {
			return err
		}
		if format == "stablehlo" {
			xla, err := machine.OpenEngine(*engine, programs.Kept(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			defer xla.Close()
			o.Backend, o.ProgramText = xla, func() string {
				programs := xla.Programs()
				if len(programs) == 0 { // the go engine's
					return ""
				}
				return programs[len(programs)-1].StableHLO()
			}
		}
		o.FlagOf = runflags.Of
		m, err := convert.Export(out, format, source, o)
		if errors.Is(err, convert.ErrUnsupported) {
			return settings.Invalid(err)
		}
		if err != nil {
			return err
		}
		for _, f := range m.Files {
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d bytes, sha256 %s\n", f.Name, f.Bytes, f.SHA256)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%d tensors, read back and compared; %s says what they are\n", m.Tensors, made[len(made)-1])
		for _, note := range m.Notes {
			fmt.Fprintln(cmd.ErrOrStderr(), note)
		}
		return nil
	}
	return cmd
}
