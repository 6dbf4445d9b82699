package machine

import (
	"fmt"

	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/host/limits"
	"github.com/mocotpu/mocotpu/xla/host/settings"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// OpenEngine opens an engine that multiplies float32 as such. What was compiled before it takes from store, unless that is
// nil.
func OpenEngine(e engine.Config, store *programs.Store) (*xla.Engine, error) {
	o := engineOptions(e)
	o.Programs = store
	return xla.Open(e.Backend, o)
}

// Open opens the engine of a configuration, for its training step, with a store as [OpenEngine]; over several processes
// unless these are nil, and with the step saved, see [Program], unless that is nil.
func Open(c run.Config, store *programs.Store, processes *xla.Processes, saved *programs.Saved) (*xla.Engine, error) {
	o := stepOptions(c)
	o.Programs, o.Processes, o.Saved = store, processes, saved
	e, err := xla.Open(c.Engine.Backend, o)
	if err != nil {
		return nil, err
	}
	c.Engine.Backend = e.EngineName() // whose memory is the process's, or not
	if err := c.CheckSize(limits.Memory()); err != nil {
		e.Close()
		return nil, err
	}
	if c.Encoder.Precision == "tf32" && e.EngineName() != "cuda" {
		e.Close()
		return nil, settings.Invalid(fmt.Errorf("--precision=tf32: only the cuda engine has it, and %s is what opened: want float32 or bfloat16", e.EngineName()))
	}
	return e, nil
}

func engineOptions(e engine.Config) xla.Options {
	return xla.Options{Devices: e.Devices, Plugin: e.Plugin, GPU: e.GPU}
}

// stepOptions are those that a training step is compiled with. Of a bfloat16 step only the views are products of
// float32, and they end in bfloat16.
func stepOptions(c run.Config) xla.Options {
	o := engineOptions(c.Engine)
	o.TF32 = c.Encoder.Precision != "float32"
	return o
}

// PrecisionNote tells who trains in a precision that does not suit the engine that opened which one does: in float32 on a GPU, of
// which PyTorch makes TF32 unless told otherwise, and in bfloat16 on a processor that does not multiply it. "" is nothing to
// tell.
func PrecisionNote(c run.Config, engine string) string {
	return precisionNote(c.Encoder.Precision, engine, multipliesBFloat16())
}

func precisionNote(precision, engine string, bfloat16 bool) string {
	switch {
	case engine == "cuda" && precision == "float32":
		return "float32 leaves the GPU's tensor cores idle: --precision=tf32 convolves as PyTorch does by default, --precision=bfloat16 also halves the activations' memory"
	case engine == "cpu" && precision == "bfloat16" && !bfloat16:
		return bfloat16Note
	}
	return ""
}
