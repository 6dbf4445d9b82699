package machine

import (
	"errors"
	"fmt"

	"github.com/mocotpu/mocotpu/models/selftest"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/engine"
	"github.com/mocotpu/mocotpu/xla/programs"
)

// UnderTest is this machine with an engine, for a self-test; self is the path of the command.
func UnderTest(e engine.Config, self string) selftest.Machine {
	train := []string{self, "train"}
	if e.Plugin != "" {
		train = append(train, "--plugin="+e.Plugin)
	}
	return selftest.Machine{
		Train: train,
		Open: func(o selftest.Opening) (selftest.Engine, error) {
			options := engineOptions(e)
			options.TF32 = o.TF32
			if o.Programs != "" {
				options.Programs = &programs.Store{Dir: o.Programs}
			}
			return xla.Open(e.Backend, options)
		},
		Planned: planned,
		Used:    used,
		OutOfMemory: func(err error) bool {
			var failed *xla.Error
			return errors.As(err, &failed) && failed.Code == xla.ResourceExhausted
		},
	}
}

// planned is what the compiler says of the memory of the last program.
func planned(e selftest.Engine) (selftest.Memory, error) {
	all := e.(*xla.Engine).Programs()
	m, err := all[len(all)-1].Memory()
	return selftest.Memory{Arguments: m.Arguments, Outputs: m.Outputs, Aliased: m.Aliased, Temporaries: m.Temporaries}, unsaid(err)
}

// used is what the allocator of the first device says.
func used(e selftest.Engine) (now, most int64, err error) {
	m, err := e.(*xla.Engine).DeviceMemory(0)
	if err == nil && m.Peak < 0 {
		err = selftest.ErrUnknown
	}
	return m.Used, m.Peak, unsaid(err)
}

// unsaid marks what a plugin does not offer.
func unsaid(err error) error {
	var failed *xla.Error
	if errors.As(err, &failed) && failed.Code == xla.Unimplemented {
		return fmt.Errorf("%w: %w", selftest.ErrUnknown, err)
	}
	return err
}
