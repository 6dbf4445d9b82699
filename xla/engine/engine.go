// Package engine says which engine runs compiled programs, in plain data that needs no cgo; package xla opens it.
package engine

import (
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// Backends are the values of Config.Backend: the engines, and auto, which is the best one that opens.
var Backends = []string{"auto", "go", "cpu", "cuda", "tpu"}

// Config says what runs the compiled step. It does not change the result beyond rounding.
type Config struct {
	// Backend is one of [Backends].
	Backend string `json:"backend"`
	// Devices is how many to use; 0 is every device of a cuda or tpu engine and one of the others.
	Devices int `json:"devices"`
	// Plugin is the path of a PJRT plugin to use instead of the one found. It is recorded, and compared when a run goes
	// on, but never taken from a file: a plugin is code.
	Plugin string `json:"plugin"`
	// GPU is for backend cuda alone.
	GPU GPU `json:"gpu"`
}

// CheckName adds a problem of a field unless a name is one of [Backends].
func CheckName(p *settings.Check, field, name string) {
	if name == "gpu" { // to which cpu is nearest
		p.That(false, field, "is %q, want one of %s; did you mean cuda?", name, strings.Join(Backends, ", "))
		return
	}
	p.OneOf(field, name, Backends...)
}

// Validate lists what is wrong with the settings, as a [settings.Error].
func (c Config) Validate() error {
	var p settings.Check
	CheckName(&p, "backend", c.Backend)
	p.That(c.Devices >= 0, "devices", "is %d, want 0 (automatic) or more", c.Devices)
	p.That(c.Backend != "go" || c.Devices <= 1, "devices", "is %d, want 1: the go engine has one device", c.Devices)
	p.That(c.Backend != "go" || c.Plugin == "", "plugin", "is %q, want none for the go engine", c.Plugin)
	p.That(c.Backend != "auto" || c.Plugin == "", "backend", "is auto, want the engine that plugin %s is of", c.Plugin)
	p.That(c.Backend == "cuda" || c.GPU.IsZero(), "backend", "is %s, want cuda, or leave the options of GPUs out", c.Backend)
	p.That(len(c.GPU.Devices) == 0 || c.Devices <= len(c.GPU.Devices), "devices", "is %d, want at most the %d of {gpu.devices}",
		c.Devices, len(c.GPU.Devices))
	p.Under("gpu", c.GPU.Validate())
	return p.Err()
}
