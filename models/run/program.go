package run

import (
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// ofStep are the fields, or groups of fields, that the program of a step is made of.
var ofStep = []string{"views.augment", "views.image_size", "encoder", "moco", "optim.momentum", "optim.weight_decay"}

// CheckProgram compares the configuration, as JSON, that a step was compiled for with the one that shall run it. The error is a
// [settings.Error] with each field that the program would be another with. The images' size is that of the data as the
// configuration describes it.
func CheckProgram(compiled []byte, asked Config) error {
	var was Config
	if err := decodeExactly(compiled, &was); err != nil {
		return settings.Invalid(err)
	}
	var p settings.Check
	for _, d := range differences(was, asked) {
		if slices.ContainsFunc(ofStep, func(of string) bool { return d.field == of || strings.HasPrefix(d.field, of+".") }) {
			p.That(false, d.field, "is %s, and the program was compiled with %s", show(d.now), show(d.was))
		}
	}
	wasSide, wasChannels := was.Data.Image()
	side, channels := asked.Data.Image()
	p.That(side == wasSide && channels == wasChannels, "data.kind", "has images of %d x %d x %d, and the program was compiled for %d x %d x %d",
		side, side, channels, wasSide, wasSide, wasChannels)
	return p.Err()
}
