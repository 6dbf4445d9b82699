package runflags

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Message is what the user reads of an error: settings are called by the flags of the command that change them, and by their
// fields as well where a run's config.json has their values, or no flag has them.
func Message(cmd *cobra.Command, err error) string {
	text := err.Error()
	var list *settings.Error
	if !errors.As(err, &list) {
		return text
	}
	flags, resumed := names(), goesOn(cmd)
	named := list.Text(func(field string) string {
		if flag, ok := strings.CutPrefix(field, "bench."); ok {
			return "--" + flag
		}
		flag := flags[field]
		name, _, _ := strings.Cut(flag, " ")
		declared := cmd.Flags().Lookup(name)
		if key, ok := strings.CutPrefix(field, "views.augment."); ok && ofViewsFile(cmd.Flags(), declared) {
			return "--" + viewsFlag + " " + key
		}
		switch {
		case declared == nil:
			return field
		case resumed && !declared.Changed:
			return fmt.Sprintf("--%s (%s in %s)", flag, field, run.ConfigFile)
		}
		return "--" + flag
	})
	if len(list.Problems) > 1 {
		named = fmt.Sprintf("%d problems:\n%s", len(list.Problems), named)
	}
	return strings.Replace(text, list.Error(), named, 1)
}

// ofViewsFile tells whether a setting of the views is what the file of --views made it: no flag of its own was given.
func ofViewsFile(flags *pflag.FlagSet, own *pflag.Flag) bool {
	f := flags.Lookup(viewsFlag)
	return f != nil && f.Changed && isViewsFile(f.Value.String()) && (own == nil || !own.Changed)
}

// goesOn tells whether the command's flags change the configuration of a run that is there: see [Config.Resolve].
func goesOn(cmd *cobra.Command) bool {
	dir := cmd.Flags().Lookup("dir")
	if dir == nil || dir.Annotations[groupOf] == nil || cmd.Flags().Changed("preset") {
		return false
	}
	_, err := os.Stat(filepath.Join(dir.Value.String(), run.ConfigFile))
	return dir.Changed && err == nil
}

// didYouMean proposes the flag that a mistyped one, or one of another program, was probably meant to be.
func didYouMean(cmd *cobra.Command, err error) string {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return ""
	}
	name, flags := unknown.GetSpecifiedName(), of(cmd)
	near := elsewhere[name]
	if flag, _, _ := strings.Cut(near, "="); !slices.Contains(flags, flag) {
		near = settings.Nearest(name, flags)
	}
	if near == "" {
		return ""
	}
	return ", did you mean --" + near + "?"
}

// elsewhere are flags of facebookresearch/moco's main_moco.py, of torchrun and of timm's train.py, by what they are here.
var elsewhere = map[string]string{
	"batch-size": "batch", "learning-rate": "lr", "wd": "weight-decay", "momentum": "sgd-momentum", "num-workers": "workers", "model": "arch",
	"moco-dim": "dim", "moco-k": "queue", "moco-m": "key-momentum", "moco-t": "temperature", "mlp": "head=mlp", "aug-plus": "views=v2", "cos": "schedule=cosine",
	"resume": "resume-from", "pretrained": "init", "print-freq": "log-every", "output": "dir", "output-dir": "dir", "data-path": "data", "img-size": "image-size",
	"amp": "precision=bfloat16", "gpu": "gpus", "nproc-per-node": "devices", "world-size": "processes", "rank": "process", "dist-url": "coordinator",
	"master-addr": "coordinator", "warmup-epochs": "warmup", "decay-epochs": "milestones",
}
