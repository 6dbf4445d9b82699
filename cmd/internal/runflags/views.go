package runflags

import (
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/models/run"
)

// viewsFlag is first of the flags that change the views: the others change what it chose.
const viewsFlag = "views"

// viewValue is a flag that changes the views. Its text is kept as it was given, so that another set of flags can be given
// the same; that of the preset is made of the views.
type viewValue struct {
	kind, text string
	set        func(text string) error
}

func (v *viewValue) String() string { return v.text }
func (v *viewValue) Type() string   { return v.kind }

func (v *viewValue) Set(text string) error {
	v.text = text
	return v.set(text)
}

// bindViews declares the flags of the augmentation: --views, and one for each of the settings that are changed most.
func bindViews(b *binder, v *run.Views) {
	add := func(flag, path, kind, text, usage string, set func(string) error) {
		b.bind(&viewValue{kind: kind, text: text, set: set}, flag, path, usage)
	}
	change := func(flag, path, kind, usage string) {
		add(flag, path, kind, v.Augment.Text(flag), usage, func(text string) error { return v.Augment.Set(flag, text) })
	}
	add(viewsFlag, "views.preset", "string", v.Preset, "augmentation, a .json file or one of", v.Choose)
	change("crop", "views.augment.area", "min,max", "area of the crops, a share of the image's")
	change("jitter", "views.augment.jitter", "b,c,s,h", "strengths of brightness, contrast, saturation and hue (0: without)")
	change("gray", "views.augment.gray", "p", "probability of a view without colour")
	change("blur", "views.augment.blur.p", "p", "probability of a blur")
	change("flip", "views.augment.flip", "p", "probability of a mirrored view")
}

// isViewsFile tells whether a text of --views names a file.
func isViewsFile(text string) bool { return filepath.Ext(text) == ".json" }

// setViews sets --views of flags to what was given, so that the flags that follow change that.
func setViews(flags, given *pflag.FlagSet) error {
	if f := given.Lookup(viewsFlag); f != nil && f.Changed {
		return flags.Set(viewsFlag, f.Value.String())
	}
	return nil
}
