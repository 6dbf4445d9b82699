package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// peersOptions are the flags of `bench peers` that are not the configuration's.
type peersOptions struct {
	counts            []int
	repeat            int
	python, jaxPython string
	limit             time.Duration
}

func newBenchPeers() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "peers",
		Short: "Time the training step and an epoch's steps in mocotpu, PyTorch and JAX: one table",
		Long: "Times one and the same training of MoCo in each program, one after the other, each in a process of its own:\n\n" +
			"  step   from a batch of uint8 images on the host, which are only scaled, to the new state\n" +
			"  epoch  from a packed set: images read, both views drawn and made, and the step, the loss read after each\n\n" +
			"All begin with the same parameters, queue and images, so that their losses agree. PyTorch runs\n" +
			"facebookresearch/moco's algorithm on one device, in several memory layouts, compiled, and in bfloat16 (autocast);\n" +
			"its views are torchvision's, made by as many workers of a DataLoader as there are cores. JAX runs the step as one\n" +
			"jitted function. What is not installed is left out, with the reason. Without a packed set in --data, images are\n" +
			"drawn and packed for the purpose. compile s is what the first step takes longer than a later one (torch.compile has\n" +
			"compiled before when it runs the epoch), ratio the images per second over the best peer's of the same precision.\n" +
			"Peers ignore --remat.",
		Example: "  mocotpu bench peers --preset=cifar10 --batch=128 --python=/opt/torch/bin/python --jax-python=/opt/jax/bin/python\n" +
			"  mocotpu bench peers --preset=moco-v2 --data=data/imagenet-mini-packed --backend=cuda --repeat=20 --limit=5m --json",
		Args: noArguments,
	}
	flags := addConfigFlags(cmd.Flags())
	var o peersOptions
	cmd.Flags().IntSliceVar(&o.counts, "counts", nil, countsUsage)
	cmd.Flags().IntVar(&o.repeat, "repeat", 5, "timed steps of each program; fewer, if they would not end before the limit")
	cmd.Flags().StringVar(&o.python, "python", "python3", "Python to look for PyTorch and torchvision in; empty leaves them out")
	cmd.Flags().StringVar(&o.jaxPython, "jax-python", "", "Python to look for JAX in (default that of --python); empty leaves it out")
	cmd.Flags().DurationVar(&o.limit, "limit", 150*time.Second, "how long a program may take; then it is killed")
	printsBench(cmd, func(cmd *cobra.Command) (benchReporter, error) {
		config, err := flags.resolve(cmd.Flags())
		if err != nil {
			return nil, err
		}
		if o.repeat < 1 || o.limit <= 0 {
			return nil, usageError{fmt.Errorf("--repeat %d, --limit %s, want at least 1 and more than 0", o.repeat, o.limit)}
		}
		if !cmd.Flags().Changed("jax-python") {
			o.jaxPython = o.python
		}
		return benchPeers(cmd.Context(), config, o, cmd.ErrOrStderr())
	})
	return cmd
}
