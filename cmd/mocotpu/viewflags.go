package main

import (
	"fmt"
	"strconv"
	"strings"

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
	a := &v.Augment
	add := func(flag, path, kind, text, usage string, set func(string) error) {
		b.bind(&viewValue{kind: kind, text: text, set: set}, flag, path, usage)
	}
	numbers := func(want int, take func(x []float64)) func(string) error {
		return func(text string) error {
			x, err := parseNumbers(text, want)
			if err == nil {
				take(x)
			}
			return err
		}
	}
	add(viewsFlag, "views.preset", "string", v.Preset, "augmentation, a .json file or one of", v.Choose)
	add("crop", "views.augment.area", "min,max", listed(a.Area.Min, a.Area.Max), "area of the crops, a share of the image's",
		numbers(2, func(x []float64) { a.Area.Min, a.Area.Max = x[0], x[1] }))
	j := a.Jitter
	add("jitter", "views.augment.jitter", "b,c,s,h", listed(j.Brightness, j.Contrast, j.Saturation, j.Hue),
		"strengths of brightness, contrast, saturation and hue (0: without)",
		numbers(4, func(x []float64) { a.SetJitter(x[0], x[1], x[2], x[3]) }))
	add("gray", "views.augment.gray", "p", listed(a.Gray), "probability of a view without colour",
		numbers(1, func(x []float64) { a.SetGray(x[0]) }))
	add("blur", "views.augment.blur.p", "p", listed(a.Blur.P), "probability of a blur", numbers(1, func(x []float64) { a.SetBlur(x[0]) }))
	add("flip", "views.augment.flip", "p", listed(a.Flip), "probability of a mirrored view", numbers(1, func(x []float64) { a.Flip = x[0] }))
}

// setViews sets --views of flags to what was given, so that the flags that follow change that.
func setViews(flags, given *pflag.FlagSet) error {
	if f := given.Lookup(viewsFlag); f != nil && f.Changed {
		return flags.Set(viewsFlag, f.Value.String())
	}
	return nil
}

// parseNumbers takes so many numbers with commas between them; a single 0 stands for as many.
func parseNumbers(text string, want int) ([]float64, error) {
	x := make([]float64, want)
	parts := strings.Split(text, ",")
	if text == "0" {
		return x, nil
	}
	if len(parts) != want {
		return nil, fmt.Errorf("want %d numbers with commas between them", want)
	}
	for i, part := range parts {
		var err error
		if x[i], err = strconv.ParseFloat(strings.TrimSpace(part), 64); err != nil {
			return nil, fmt.Errorf("%q is no number", part)
		}
	}
	return x, nil
}

func listed(x ...float64) string {
	parts := make([]string, len(x))
	for i := range x {
		parts[i] = strconv.FormatFloat(x[i], 'g', -1, 64)
	}
	return strings.Join(parts, ",")
}
