package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/convert"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

func newImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Read an encoder of other software: torchvision's, facebookresearch/moco's",
		Long: "Reads the weights of a ResNet from a safetensors file with torchvision's names or a file of torch.save (.pth,\n" +
			".pth.tar), and writes an encoder's file, which eval, embed and export take. Architecture, width, stem and head\n" +
			"follow from the tensors' names and shapes. Of a checkpoint of MoCo it takes the query encoder.\n\n" +
			"A file of torch.save holds a pickle. Nothing in it is executed; one that asks for anything but tensors and\n" +
			"plain data is refused.",
		Example: "  mocotpu import moco_v2_200ep_run.pth.tar\n" +
			"  mocotpu import cifar.pth --views=cifar --image-size=32 --out=cifar.safetensors",
		Args: oneEncoder,
	}
	var o convert.ImportOptions
	var out string
	var force bool
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&out, "out", "encoder.safetensors", "file to write")
	flags.StringVar(&o.Views, "views", "", "whose normalisation it was trained with: "+strings.Join(augment.Presets(), ", ")+
		" (default: of an export its own, else v1, which is ImageNet's, or cifar with the small stem)")
	flags.IntVar(&o.ImageSize, "image-size", 0, "side in pixels of the images it was trained on (default: of an export its own, else 224, or 32 with the small stem)")
	flags.BoolVar(&o.Trunk, "trunk", false, "leave the head out")
	flags.BoolVar(&force, "force", false, "write over files that are there")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		w, err := convert.Import(args[0], o)
		if err != nil {
			return settings.Invalid(err)
		}
		if err := mayWrite(force, args, convert.Paths(out, "safetensors")...); err != nil {
			return err
		}
		if _, err := convert.Export(out, "safetensors", convert.Source{Encoder: w}, convert.Options{}); err != nil {
			return err
		}
		network := w.Manifest.Network
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s of width %d, stem %s, head %s, for images of %d pixels\n",
			out, network.Arch, network.Width, network.Stem, network.Head, w.Manifest.Input.ImageSize)
		return nil
	}
	return cmd
}
