package xla

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// A Store is seen by all processes of a run. Its methods may be called from several goroutines.
type Store interface {
	// Get waits for a key that another process puts, at most timeout; 0 does not wait. The error is
	// [context.DeadlineExceeded] where the key did not come in time, and [fs.ErrNotExist] where it was not waited for.
	Get(key string, timeout time.Duration) ([]byte, error)
	// Put sets a key once.
	Put(key string, value []byte) error
}

// Processes are those that compute one program together, each with devices of its own: package xla/rendezvous brings
// them together. Every process opens its engine, and compiles and executes the same programs over all devices, in the
// same order.
type Processes struct {
	// Index is this process's number, from 0 to Count-1.
	Index, Count int
	// Store is what they share while they live. An engine puts keys in it that begin with "xla/".
	Store Store
	// Host tells the address of this machine at which the other processes reach it; the cpu engine alone asks. nil and "" are
	// 127.0.0.1.
	Host func() (string, error)
	// Timeout limits the wait for another process that is there but does not come to an operation; of the cpu engine
	// alone. 0 is half an hour.
	Timeout time.Duration
}

const defaultTimeout = 30 * time.Minute

// engineStore is the part of a run's store that is one engine's.
type engineStore struct {
	Store
	prefix string
}

// Get is the store's, of the engine's keys.
func (s *engineStore) Get(key string, timeout time.Duration) ([]byte, error) {
	return s.Store.Get(s.prefix+key, timeout)
}

// Put is the store's, of the engine's keys.
func (s *engineStore) Put(key string, value []byte) error { return s.Store.Put(s.prefix+key, value) }

// several is what an engine over several processes knows of their devices.
//
// A place is a device's position among all devices, in the order of the processes. It is the same in every process. A
// device's number, as GoMLX uses it, is not: a process's own devices are 0 to local-1, as for go-xla, and those at the places
// after them follow, from the last place on to place 0.
type several struct {
	first, local int     // this process's places are first to first+local-1
	ids          []int64 // the plugin's numbers of all devices, by place

	index    int
	store    *engineStore
	programs int           // how many were compiled over all processes; guarded by Engine.compile
	patience time.Duration // how long to wait for a process that compiles something else

	begun atomic.Int64              // executions over all processes
	since atomic.Pointer[time.Time] // when the last one began; nil where none is under way
}

// join makes the engine that of all processes.
func (e *Engine) join(p *Processes, store *engineStore) error {
	all, own, err := e.plugin.allDevices(e.client) // libtpu numbers the hosts of a slice by itself
	if err != nil {
		return err
	}
	local := len(all) / p.Count
	s := &several{
		first: own * local, local: local, ids: make([]int64, len(all)),
		index: p.Index, store: store, patience: cmp.Or(p.Timeout, defaultTimeout),
	}
	for place, d := range all {
		if d.process != place/max(local, 1) || local != e.devices {
			return fmt.Errorf("%w: xla: %s: process %d has %d of the %d devices of %d processes, want the same number in each (--devices), "+
				"and one process on each host of a TPU slice", ErrOptions, e.name, p.Index, e.devices, len(all), p.Count)
		}
		s.ids[place] = d.id
	}
	e.several, e.devices = s, len(all)
	return nil
}

// A known device is one of this process or of another.
type known struct {
	id      int64
	process int
}

// sortDevices puts devices into the order of their places.
func sortDevices(all []known) {
	slices.SortFunc(all, func(a, b known) int { return cmp.Or(cmp.Compare(a.process, b.process), cmp.Compare(a.id, b.id)) })
}

// number is the engine's number of the device at a place.
func (s *several) number(place int) compute.DeviceNum {
	return compute.DeviceNum((place - s.first + len(s.ids)) % len(s.ids))
}

// mine cuts this process's part out of n buffers of all places.
func (s *several) mine(n int) (from, to int) {
	each := n / len(s.ids)
	return s.first * each, (s.first + s.local) * each
}

// LocalDevices returns which places of a mesh over all devices are this process's: count from first on. Without other
// processes these are all.
func (e *Engine) LocalDevices() (first, count int) {
	if e.several == nil {
		return 0, e.devices
	}
	return e.several.first, e.several.local
}

// DeviceAt returns the engine's number of the device at a place of a mesh over all devices. The devices of this process
// are its first ones, so that what runs on one device runs here.
func (e *Engine) DeviceAt(place int) compute.DeviceNum {
	if e.several == nil {
		return compute.DeviceNum(place)
	}
	return e.several.number(place)
}

// remote tells whether a device is another process's.
func (e *Engine) remote(device compute.DeviceNum) bool {
	return e.several != nil && int(device) >= e.several.local
}

// elsewhere stands for a buffer of another process, for GoMLX, which counts buffers of all devices: there is no memory
// behind it, and nothing to free.
type elsewhere struct {
	engine *Engine
	place
}

func (b *elsewhere) Backend() compute.Backend              { return b.engine }
func (b *elsewhere) Finalize() error                       { return nil }
func (b *elsewhere) Shape() (shapes.Shape, error)          { return b.shape.Clone(), nil }
func (b *elsewhere) DeviceNum() (compute.DeviceNum, error) { return b.device, nil }
func (b *elsewhere) Data() (any, error)                    { return nil, b.unreadable() }
func (b *elsewhere) ToFlatData(any) error                  { return b.unreadable() }

func (b *elsewhere) CopyToDevice(compute.DeviceNum) (compute.Buffer, error) {
	return nil, b.unreadable()
}

func (b *elsewhere) unreadable() error {
	return fmt.Errorf("xla: the buffer on device %d is another process's", b.device)
}

// DistributedAutoSharding tells go-xla of this process's part of a mesh over all processes: it knows no other devices.
// The program's text gets the whole mesh on its way to the compiler.
func (b *builder) DistributedAutoSharding(meshes ...compute.Mesh) error {
	s := b.engine.several
	if s == nil {
		return b.Builder.DistributedAutoSharding(meshes...)
	}
	meshes = slices.Clone(meshes)
	for i, m := range meshes {
		size := 1
		for _, n := range m.AxesSizes {
			size *= n
		}
		if size <= s.local && size < len(s.ids) {
			continue
		}
		if len(m.AxesSizes) != 1 || size != len(s.ids) {
			return fmt.Errorf("xla: a mesh of %v devices: over several processes it has one axis, of all %d", m.AxesSizes, len(s.ids))
		}
		b.global = true
		meshes[i].AxesSizes = []int{s.local}
	}
	return b.Builder.DistributedAutoSharding(meshes...)
}

// DeviceAssignment is this process's part of the assignment of a program over all processes.
func (b *builder) DeviceAssignment(devices ...compute.DeviceNum) error {
	if !b.global {
		return b.Builder.DeviceAssignment(devices...)
	}
	s := b.engine.several
	for place, d := range devices {
		if want := s.number(place); d != want {
			return fmt.Errorf("xla: device %d at place %d of a mesh over all processes, want %d: see Engine.DeviceAt", d, place, want)
		}
	}
	return b.Builder.DeviceAssignment(devices[s.first : s.first+s.local]...)
}

// begin notes that a program over all processes is executed; the end of it is to be called.
func (s *several) begin() (end func()) {
	now := time.Now()
	s.since.Store(&now)
	s.begun.Add(1)
	return func() { s.since.Store(nil) }
}

// Progress returns how many programs over all processes this one has begun to execute, and for how long it has been in the
// last; 0 where it is in none.
func (e *Engine) Progress() (begun int64, waiting time.Duration) {
	s := e.several
	if s == nil {
		return 0, 0
	}
	if since := s.since.Load(); since != nil {
		waiting = time.Since(*since)
	}
	return s.begun.Load(), waiting
}

// agree compares a program that is to be compiled, and what its compiler is told, with that which process 0 compiles in its
// place: processes that execute different programs would wait for each other, or drift apart. The error of another one is
// [settings.ErrInvalid].
func (s *several) agree(p *Program) error {
	key := fmt.Sprintf("program/%d", s.programs)
	s.programs++
	told := os.Getenv("XLA_FLAGS") + "\x00" + os.Getenv(convolutionsVariable)
	own := fmt.Sprintf("%x", sha256.Sum256([]byte(withoutName(p.text)+"\x00"+told)))
	if s.index == 0 {
		return s.store.Put(key, []byte(own+" "+p.Name))
	}
	text, err := s.store.Get(key, s.patience)
	if err != nil {
		return fmt.Errorf("%s: process 0 does not compile it: %w", p.Name, err)
	}
	if theirs, name, _ := strings.Cut(string(text), " "); theirs != own {
		return settings.Invalid(fmt.Errorf("%s: process 0 compiles another program in its place, %s (%.12s, here %.12s): want the same command, version, XLA_FLAGS and %s everywhere",
			p.Name, name, theirs, own, convolutionsVariable))
	}
	return nil
}

// around puts stand-ins for the results of the other processes around those of this one, which are the same in kind for
// every device.
func (x *executable) around(mine []compute.Buffer) ([]compute.Buffer, error) {
	s := x.engine.several
	each := len(mine) / s.local
	if x.others == nil {
		others := make([]compute.Buffer, each*len(s.ids))
		for i := range others {
			shape, err := mine[i%each].Shape()
			if err != nil {
				return nil, err
			}
			others[i] = &elsewhere{x.engine, place{shape, s.number(i / each)}}
		}
		x.others = others
	}
	all := slices.Clone(x.others)
	from, _ := s.mine(len(all))
	copy(all[from:], mine)
	return all, nil
}
