package bench

import (
	"io"
	"os"
	"testing"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// testEngines are opened as they come, with the programs of the tests.
var testEngines = Engines{
	Open: func(c run.Config) (*xla.Engine, error) {
		return xla.Open(c.Engine.Backend, xla.Options{Devices: c.Engine.Devices, Plugin: c.Engine.Plugin, Programs: xlatest.Kept()})
	},
	Explain: func(_ io.Writer, _ *xla.Engine, _ run.Config, err error) error { return err },
	Errors:  []error{xla.ErrNoPlugin},
}

// TestMain lets the test binary be the child that Peers starts.
func TestMain(m *testing.M) {
	if testEngines.Serve() {
		return
	}
	os.Exit(m.Run())
}

// tiny is a configuration whose step takes a moment on the go engine. With its preset's views it is that of the trainer's tests.
func tiny(backend string) run.Config {
	c := run.Glyphs()
	c.Engine.Backend, c.Encoder.Width, c.Encoder.Dim, c.Views.ImageSize = backend, 2, 8, 8
	c.MoCo.Batch, c.MoCo.Groups, c.MoCo.Queue, c.Data.TrainImages = 16, 2, 40, 64
	return c
}

// testOptions time two steps.
func testOptions(t *testing.T) Options {
	return Options{Engines: testEngines, Talk: t.Output(), Repeat: 2}
}
