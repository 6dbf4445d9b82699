package mesh

import (
	"errors"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/mocotpu/mocotpu/xla/host/guard"
)

// Slot is the memory of one set of a program's split inputs, used again for every run: with two of them, one is
// filled while the program runs on the other.
//
// Where the engine lets the host write a device's memory (CPUs), that is the memory; elsewhere it is the host's, and
// filling it ends with sending it to the devices. A slot is used by one goroutine at a time.
type Slot struct {
	program *Program
	// parts has a row for each device, and in it an entry for each input: the zero value for replicated ones. Those of
	// other processes' devices have no memory.
	parts [][]part
	flats [][]any
}

// part is one device's part of an input.
type part struct {
	shape  shapes.Shape
	flat   any             // a slice of the elements
	tensor *tensors.Tensor // on the device; nil where flat has not been sent
	shared bool            // flat is the tensor's own memory
}

// NewSlot allocates a slot for the program's inputs, which are of uint8 or float32 where they are split. Close it
// before the engine.
func (p *Program) NewSlot() (*Slot, error) { return p.newSlot(p.mesh.backend.HasSharedBuffers()) }

func (p *Program) newSlot(shared bool) (*Slot, error) {
	s := &Slot{program: p, parts: make([][]part, p.mesh.devices), flats: make([][]any, p.mesh.devices)}
	for device := range s.parts {
		s.parts[device] = make([]part, len(p.inputs))
		s.flats[device] = make([]any, len(p.inputs))
		for i, in := range p.inputs {
			if in.Replicated {
				continue
			}
			err := exceptions.TryCatch[error](func() {
				if err := s.parts[device][i].allocate(p.mesh, p.mesh.shard(in), device, shared); err != nil {
					panic(err)
				}
			})
			if err != nil {
				return nil, errors.Join(fmt.Errorf("mesh: %s: memory for input %d: %w", p.name, i, err), s.Close())
			}
			s.flats[device][i] = s.parts[device][i].flat
		}
	}
	return s, nil
}

func (p *part) allocate(m *Mesh, shape shapes.Shape, place int, shared bool) (err error) {
	p.shape = shape
	if !m.isLocal(place) { // stands for what another process fills
		p.tensor, err = upload(m, place, nil, shape)
		return err
	}
	switch shape.DType {
	case dtypes.Uint8:
		p.flat = make([]uint8, shape.Size())
	case dtypes.Float32:
		p.flat = make([]float32, shape.Size())
	default:
		return fmt.Errorf("%s, want uint8 or float32", shape)
	}
	if !shared {
		return nil
	}
	p.tensor, p.shared = tensors.FromShape(shape), true
	if err := p.tensor.MaterializeOnDevice(m.backend, true, m.device(place)); err != nil {
		return err
	}
	// The memory stays where it is until the tensor is finalized.
	return p.tensor.MutableFlatData(func(flat any) { p.flat = flat })
}

// upload copies flat to the device at a place.
func upload(m *Mesh, place int, flat any, shape shapes.Shape) (*tensors.Tensor, error) {
	b, err := m.backend.BufferFromFlatData(m.device(place), flat, shape)
	if err != nil {
		return nil, err
	}
	return tensors.FromBuffer(b)
}

// Devices is the number of devices of the program.
func (s *Slot) Devices() int { return len(s.parts) }

// Local is [Mesh.Local] of the slot's program.
func (s *Slot) Local() (first, count int) { return s.program.mesh.Local() }

// Parts returns what the last Fill wrote for a device of this process, as it was given to write. It is the slot's: read
// it only.
func (s *Slot) Parts(device int) []any { return s.flats[device] }

// Fill calls write for every device of this process at the same time, with its part of each input: the elements, a []uint8 or
// []float32 in row-major order, and nil for replicated inputs. It returns when the parts are on their devices; what
// write keeps of them it must not use later.
func (s *Slot) Fill(write func(device int, parts []any) error) error {
	errs := make([]error, len(s.parts))
	var wg guard.Group
	first, local := s.Local()
	for device := first; device < first+local; device++ {
		wg.Go(func() {
			if errs[device] = write(device, s.flats[device]); errs[device] == nil {
				errs[device] = s.send(device)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// send copies a device's parts to it, where they are not there already.
func (s *Slot) send(device int) error {
	for i := range s.parts[device] {
		p := &s.parts[device][i]
		if p.flat == nil || p.shared {
			continue
		}
		if err := p.drop(); err != nil {
			return err
		}
		var err error
		if p.tensor, err = upload(s.program.mesh, device, p.flat, p.shape); err != nil {
			return fmt.Errorf("mesh: %s: sending input %d to device %d: %w", s.program.name, i, device, err)
		}
	}
	return nil
}

// drop frees what is on the device.
func (p *part) drop() error {
	t := p.tensor
	p.tensor = nil
	if t == nil {
		return nil
	}
	return t.FinalizeAll()
}

// Close frees the slot's memory.
func (s *Slot) Close() error {
	var errs []error
	for _, row := range s.parts {
		for i := range row {
			errs = append(errs, row[i].drop())
			row[i].flat = nil
		}
	}
	return errors.Join(errs...)
}

// RunSlot is [Program.Run] with the split inputs of a filled slot, and the replicated ones given in their order. It
// takes the latter over; the slot may be filled again when it returns.
func (p *Program) RunSlot(s *Slot, replicated ...*tensors.Tensor) ([]*tensors.Tensor, error) {
	if s.program != p {
		return nil, fmt.Errorf("mesh: %s: a slot of another program", p.name)
	}
	defer func() {
		for _, t := range replicated {
			t.FinalizeAll()
		}
	}()
	var values []any
	var copies []*tensors.Tensor
	defer func() {
		for _, t := range copies {
			t.FinalizeAll()
		}
	}()
	for device, row := range s.parts {
		next := 0
		for i, in := range p.inputs {
			if !in.Replicated {
				values = append(values, row[i].tensor)
				continue
			}
			if next == len(replicated) || !replicated[next].Shape().Equal(in.Shape) {
				return nil, fmt.Errorf("mesh: %s: %d replicated inputs, want one of %s for input %d", p.name, len(replicated), in.Shape, i)
			}
			t := replicated[next]
			if device > 0 {
				var err error
				if t, err = t.LocalClone(); err != nil {
					return nil, fmt.Errorf("mesh: %s: copying input %d: %w", p.name, i, err)
				}
				copies = append(copies, t)
			}
			values = append(values, t)
			next++
		}
	}
	return p.call(values)
}
