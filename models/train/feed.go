package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/host/limits"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// feedSlots is how many batches are on the devices or on the way: the one that a step works on and the next.
const feedSlots = 2

// Feed makes the inputs of training steps and brings them to the devices while the step before runs: images and view
// parameters, each a pure function of the seed and the step's number. Its memory is two batches, used again and again. It
// makes the inputs of this process's devices, see [mesh.Mesh.Local].
type Feed struct {
	source data.Source
	info   data.Info
	step   moco.Step
	inputs []moco.Input
	views  augment.Config
	seed   uint64

	perEpoch     int
	shuffleOrder []int
	orders       [2]epochOrder // of this epoch and the last or the next
	rows         []data.Row    // of the batch being made: those of other processes only where they are needed
	others       []int         // which those are: their view parameters are drawn here, for a shuffled input

	idle chan *mesh.Slot // those that no step uses
	all  []*mesh.Slot
	stop context.CancelFunc
	done chan struct{} // closed when the goroutine of Start has ended
}

// epochOrder is the order in which an epoch takes the images; its indices are nil until it is asked for.
type epochOrder struct {
	epoch   int
	indices []int
}

// fed is what takes the inputs: a step.Step that is compiled.
type fed interface {
	Definition() moco.Step
	Inputs() []moco.Input
	NewSlot() (*mesh.Slot, error)
}

// NewFeed allocates the memory of a feed for a compiled training step of at least one batch of images. The source and
// the step stay the caller's; Close the feed before them.
func NewFeed(s fed, source data.Source, views augment.Config, seed uint64) (*Feed, error) {
	info, definition := source.Info(), s.Definition()
	f := &Feed{
		source: source, info: info, step: definition, inputs: s.Inputs(), views: views, seed: seed,
		perEpoch: info.N / definition.Batch, shuffleOrder: definition.ShuffleOrder(),
		rows: make([]data.Row, definition.Batch), idle: make(chan *mesh.Slot, feedSlots),
	}
	for range feedSlots {
		slot, err := s.NewSlot()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		f.all = append(f.all, slot)
		f.idle <- slot
	}
	f.others = f.rowsOfOthers()
	return f, nil
}

// InputBytes is what is written for the inputs of one step, over all devices of this process.
func (f *Feed) InputBytes() (n int64) {
	first, local := f.all[0].Local()
	for device := first; device < first+local; device++ {
		for _, part := range f.all[0].Parts(device) {
			switch flat := part.(type) {
			case []uint8:
				n += int64(len(flat))
			case []float32:
				n += 4 * int64(len(flat))
			}
		}
	}
	return n
}

// Batch is the inputs of one step but for the learning rate, on the devices. Give it back with [Feed.Release].
type Batch struct {
	Slot *mesh.Slot
	Err  error // instead of a slot; nothing comes behind it
}

// Start prepares the steps from first to last-1 in order, until the context ends or the feed is closed. The channel is
// closed behind the last. It is called once.
func (f *Feed) Start(ctx context.Context, first, last int) <-chan Batch {
	ctx, f.stop = context.WithCancel(ctx)
	f.done = make(chan struct{})
	out := make(chan Batch)
	go func() {
		defer close(f.done)
		defer close(out)
		for step := first; step < last; step++ {
			var b Batch
			select {
			case b.Slot = <-f.idle:
			case <-ctx.Done():
				return
			}
			b.Err = guard.Call(func() error { return f.fill(b.Slot, step, last) })
			select {
			case out <- b:
			case <-ctx.Done():
				return
			}
			if b.Err != nil {
				return
			}
		}
	}()
	return out
}

// Release takes a batch's memory back when the step is done with it.
func (f *Feed) Release(b Batch) { f.idle <- b.Slot }

// Close stops the feed and frees its memory.
func (f *Feed) Close() error {
	if f.stop != nil {
		f.stop()
		<-f.done
	}
	var errs []error
	for _, s := range f.all {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// fill makes the inputs of a step and tells the source about the next, which may be the first of another epoch.
func (f *Feed) fill(slot *mesh.Slot, step, last int) error {
	epoch, indices := f.indices(step)
	if step+1 < last {
		_, next := f.indices(step + 1)
		f.source.Prefetch(f.wanted(next))
	}
	// A device's view parameters may be of images that another one fetches: all are fetched before any is drawn.
	devices := slot.Devices()
	_, local := slot.Local()
	var fetched sync.WaitGroup
	fetched.Add(local)
	errs := make([]error, devices)
	if err := f.fetchOthers(indices); err != nil {
		return fmt.Errorf("train: feed: step %d: %w", step+1, err)
	}
	err := slot.Fill(func(device int, parts []any) error {
		share := f.step.Batch / devices
		first := device * share
		errs[device] = guard.Call(func() error { // the other devices wait for this one
			return f.fetch(parts[f.images()].([]uint8), indices, first, share, max(1, limits.CPUs()/local))
		})
		fetched.Done()
		fetched.Wait()
		if err := errors.Join(errs...); err != nil {
			return errs[device]
		}
		f.draw(parts, epoch, indices, first, share)
		return nil
	})
	if err != nil {
		return fmt.Errorf("train: feed: step %d: %w", step+1, err)
	}
	return nil
}

// share is the rows of the batch that this process's devices get: from first to last-1.
func (f *Feed) share() (first, last int) {
	place, local := f.all[0].Local()
	each := f.step.Batch / f.all[0].Devices()
	return place * each, (place + local) * each
}

// rowsOfOthers lists the rows of other processes whose images' shapes this one needs.
func (f *Feed) rowsOfOthers() (rows []int) {
	first, last := f.share()
	if !slices.ContainsFunc(f.inputs, func(in moco.Input) bool { return in.Kind == moco.ViewParams && in.Shuffled }) {
		return nil
	}
	for _, row := range f.shuffleOrder[first:last] {
		if row < first || row >= last {
			rows = append(rows, row)
		}
	}
	return rows
}

// fetchOthers gets what is needed of other processes' images.
func (f *Feed) fetchOthers(indices []int) error {
	if len(f.others) == 0 {
		return nil
	}
	rows, of := make([]data.Row, len(f.others)), make([]int, len(f.others))
	for i, row := range f.others {
		of[i] = indices[row]
	}
	err := data.FillRows(f.source, rows, of)
	for i, row := range f.others {
		f.rows[row] = rows[i]
	}
	return err
}

// wanted is which images of a batch this process reads.
func (f *Feed) wanted(indices []int) []int {
	first, last := f.share()
	wanted := indices[first:last]
	if len(f.others) > 0 && !data.HasRows(f.source) {
		wanted = slices.Clone(wanted)
		for _, row := range f.others {
			wanted = append(wanted, indices[row])
		}
	}
	return wanted
}

// indices returns the numbers of a step's images.
func (f *Feed) indices(step int) (epoch int, indices []int) {
	epoch, at := step/f.perEpoch, step%f.perEpoch
	order := &f.orders[epoch%len(f.orders)]
	if order.indices == nil || order.epoch != epoch {
		*order = epochOrder{epoch, data.Order(f.seed, epoch, f.info.N)}
	}
	return epoch, order.indices[at*f.step.Batch : (at+1)*f.step.Batch]
}

// fetch puts the images of the batch's rows from first on into dst, in several parts at a time.
func (f *Feed) fetch(dst []uint8, indices []int, first, share, parts int) error {
	if parts = min(parts, share); parts == 1 {
		return f.source.Fill(dst, f.rows[first:first+share], indices[first:first+share])
	}
	n := f.info.ImageLen()
	errs := make([]error, parts)
	var wg guard.Group
	for p := range parts {
		from, to := p*share/parts, (p+1)*share/parts
		wg.Go(func() {
			errs[p] = f.source.Fill(dst[from*n:to*n], f.rows[first+from:first+to], indices[first+from:first+to])
		})
	}
	wg.Wait()
	return cmp.Or(errs...) // parts fail alike
}

// images is the number of the input that holds them.
func (f *Feed) images() int {
	return slices.IndexFunc(f.inputs, func(in moco.Input) bool { return in.Kind == moco.Images })
}

// draw puts the view parameters of the batch's rows from first on into the inputs.
func (f *Feed) draw(parts []any, epoch int, indices []int, first, share int) {
	n := f.views.NumParams()
	for i, in := range f.inputs {
		if in.Kind != moco.ViewParams {
			continue
		}
		flat := parts[i].([]float32)
		for at := range share {
			row := first + at
			if in.Shuffled {
				row = f.shuffleOrder[row]
			}
			f.views.Draw(flat[at*n:(at+1)*n], f.seed, epoch, indices[row], in.View, float64(f.rows[row].Aspect))
		}
	}
}
