//go:build cgo

package train

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/data/files"
	"github.com/mocotpu/mocotpu/models/data/packed"
	"github.com/mocotpu/mocotpu/models/data/picture"
	"github.com/mocotpu/mocotpu/models/data/specimen"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/xla/mesh"
	"github.com/mocotpu/mocotpu/xla/xlatest"
)

const testCanvas = 24

// specimens draws a folder of n small images in four classes, and packs it.
func specimens(t testing.TB, n int) (folder, set string) {
	t.Helper()
	folder, set = t.TempDir(), filepath.Join(t.TempDir(), "packed")
	must.M(specimen.Folder(t.Context(), folder, specimen.Options{Images: n, Classes: 4, Width: 50, Height: 36, Odd: true}))
	list := must.M1(files.Open(folder, "train", files.Options{}))
	defer list.Close()
	must.M1(packed.Pack(t.Context(), list, set, packed.Options{Canvas: testCanvas, Library: picture.Go}))
	return folder, set
}

// pass is a program with a step's inputs that returns them, as float32.
type pass struct {
	*mesh.Program
	definition moco.Step
	inputs     []moco.Input
}

func (p pass) Definition() moco.Step { return p.definition }
func (p pass) Inputs() []moco.Input  { return p.inputs }

func passThrough(t testing.TB, devices int, c moco.Step, info data.Info) pass {
	t.Helper()
	m := must.M1(mesh.New(xlatest.CPU(t, devices), devices))
	inputs := c.Inputs(info.Size, info.Channels)
	var declared []mesh.Input
	for _, in := range inputs {
		declared = append(declared, in.Input)
	}
	p, err := m.Compile("pass", model.NewStore(), declared, func(_ *model.Scope, in []*graph.Node) []*graph.Node {
		var out []*graph.Node
		for _, x := range in {
			out = append(out, graph.ConvertDType(graph.AddScalar(x, 0), tensors.FromScalar(float32(0)).DType()))
		}
		return out
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return pass{p, c, inputs}
}

// collect runs steps of a feed and returns what reached the devices, for each step the inputs one after the other.
func collect(t testing.TB, p pass, f *Feed, first, last int) [][]float32 {
	t.Helper()
	defer func() { must.M(f.Close()) }()
	var all [][]float32
	for b := range f.Start(t.Context(), first, last) {
		if b.Err != nil {
			t.Fatal(b.Err)
		}
		out, err := p.RunSlot(b.Slot, tensors.FromScalar(float32(0)))
		if err != nil {
			t.Fatal(err)
		}
		f.Release(b)
		var step []float32
		for _, o := range out {
			must.M(tensors.ConstFlatData(o, func(flat []float32) { step = append(step, flat...) }))
			must.M(o.FinalizeAll())
		}
		all = append(all, step)
	}
	return all
}

func feedStep(symmetric bool) (moco.Step, augment.Config) {
	views := must.M1(augment.Preset("v2"))
	return moco.Step{Views: views, Config: moco.Config{Batch: 16, Groups: 8, Shuffle: true, Symmetric: symmetric}}, views
}

// expected makes a step's inputs one image at a time, as the definition has it.
func expected(source data.Source, c moco.Step, views augment.Config, seed uint64, step int) []float32 {
	info := source.Info()
	perEpoch := info.N / c.Batch
	epoch, at := step/perEpoch, step%perEpoch
	indices := data.Order(seed, epoch, info.N)[at*c.Batch : (at+1)*c.Batch]
	var out []float32
	aspects := map[int]float64{}
	for _, i := range indices {
		pixels, rows := make([]uint8, info.ImageLen()), make([]data.Row, 1)
		must.M(source.Fill(pixels, rows, []int{i}))
		for _, v := range pixels {
			out = append(out, float32(v))
		}
		aspects[i] = float64(rows[0].Aspect)
	}
	view := func(number int, shuffled bool) {
		for row := range indices {
			from := row
			if shuffled {
				from = c.ShuffleOrder()[row]
			}
			params := make([]float32, views.NumParams())
			views.Draw(params, seed, epoch, indices[from], number, aspects[indices[from]])
			out = append(out, params...)
		}
	}
	view(0, false)
	view(1, true)
	out = append(out, 0) // the learning rate
	if c.Symmetric {
		view(1, false)
		view(0, true)
	}
	return out
}

// TestFeed holds what reaches the devices to the definition, over the end of an epoch: for packed and for streamed
// images, on one device and on several, which must all be the same.
func TestFeed(t *testing.T) {
	folder, set := specimens(t, 100)
	mapped := must.M1(packed.Open(set))
	defer mapped.Close()
	for _, symmetric := range []bool{false, true} {
		c, views := feedStep(symmetric)
		const seed, first, last = 3, 4, 9 // 6 steps an epoch
		var want [][]float32
		for step := first; step < last; step++ {
			want = append(want, expected(mapped, c, views, seed, step))
		}
		for _, devices := range []int{1, 2, 8} {
			p := passThrough(t, devices, c, mapped.Info())
			streamed := must.M1(files.NewStream(must.M1(files.Open(folder, "train", files.Options{})), files.StreamOptions{Canvas: picture.Canvas{Size: testCanvas}, Library: picture.Go}))
			for name, source := range map[string]data.Source{"packed": mapped, "streamed": streamed} {
				t.Run(fmt.Sprintf("symmetric=%t/devices=%d/%s", symmetric, devices, name), func(t *testing.T) {
					got := collect(t, p, must.M1(NewFeed(p, source, views, seed)), first, last)
					if !reflect.DeepEqual(got, want) {
						t.Error("other inputs than the definition gives")
					}
				})
			}
			must.M(streamed.Close())
		}
	}
}

// TestFeedWithoutShuffle has every view parameter in the order of the images, through two epochs. It takes the inputs apart
// by hand: nothing is the same twice, and the symmetric step's views are those of the plain one exchanged.
func TestFeedWithoutShuffle(t *testing.T) {
	const seed, perEpoch = 5, 3
	for _, symmetric := range []bool{false, true} {
		c, views := feedStep(symmetric)
		c.Shuffle = false
		source := &stub{info: data.Info{N: perEpoch*c.Batch + 1, Size: 2, Channels: 3}, aspect: 1}
		p := passThrough(t, 1, c, source.info)
		n, seen := views.NumParams(), map[string]string{}
		for step, flat := range collect(t, p, must.M1(NewFeed(p, source, views, seed)), 0, 2*perEpoch) {
			take := func(length int) (part []float32) {
				part, flat = flat[:length], flat[length:]
				return part
			}
			images := take(c.Batch * source.info.ImageLen())
			inputs, numbers := [][]float32{take(c.Batch * n), take(c.Batch * n)}, []int{0, 1}
			take(1) // the learning rate
			if symmetric {
				inputs, numbers = append(inputs, take(c.Batch*n), take(c.Batch*n)), []int{0, 1, 1, 0}
			}
			if len(flat) != 0 {
				t.Fatalf("%d numbers too many", len(flat))
			}
			epoch, at := step/perEpoch, step%perEpoch
			for row, index := range data.Order(seed, epoch, source.info.N)[at*c.Batch : (at+1)*c.Batch] {
				if got := images[row*source.info.ImageLen()]; got != float32(index) {
					t.Errorf("step %d, row %d: image %v, want %d", step, row, got, index)
				}
				for i, params := range inputs {
					got, want := params[row*n:(row+1)*n], make([]float32, n)
					views.Draw(want, seed, epoch, index, numbers[i], 1)
					if !slices.Equal(got, want) {
						t.Errorf("step %d, row %d: parameters %d are %v, want view %d of image %d, %v", step, row, i, got, numbers[i], index, want)
					}
					key, view := fmt.Sprint(got), fmt.Sprintf("epoch %d, image %d, view %d", epoch, index, numbers[i])
					if before, ok := seen[key]; ok && before != view {
						t.Errorf("%s is %s again", view, before)
					}
					seen[key] = view
				}
			}
		}
	}
}

// TestFeedDrawsOnTheOriginal finds the aspect in the crop boxes: of an image four times as wide as high, no box of the
// canvas is as wide as that of a square one could be.
func TestFeedDrawsOnTheOriginal(t *testing.T) {
	c, views := feedStep(false)
	views.Area = augment.Range{Min: 0.05, Max: 0.05}
	source := &stub{info: data.Info{N: 16, Size: 2, Channels: 3}, aspect: 4}
	p := passThrough(t, 1, c, source.info)
	got := collect(t, p, must.M1(NewFeed(p, source, views, 0)), 0, 1)[0]
	params := got[16*12:]
	for i := range c.Batch {
		height, width := params[i*views.NumParams()+2], params[i*views.NumParams()+3]
		if ratio := 4 * width / height; ratio < 0.74 || ratio > 1.34 {
			t.Errorf("image %d: a box of %vx%v on the canvas is of ratio %v on the original, want 3/4 to 4/3", i, height, width, ratio)
		}
	}
}

// stub is a source whose images are their numbers.
type stub struct {
	info   data.Info
	aspect float32
	fail   error
	asked  []int
}

func (s *stub) Info() data.Info        { return s.info }
func (s *stub) Prefetch(indices []int) { s.asked = append(s.asked, indices...) }
func (s *stub) Close() error           { return nil }

func (s *stub) Fingerprint() (string, error) { return "stub", nil }

func (s *stub) Fill(dst []uint8, rows []data.Row, indices []int) error {
	for i, index := range indices {
		rows[i] = data.Row{Aspect: s.aspect, Label: -1}
		for p := range s.info.ImageLen() {
			dst[i*s.info.ImageLen()+p] = uint8(index)
		}
	}
	return s.fail
}

func TestFeedTellsTheSourceWhatComesNext(t *testing.T) {
	c, views := feedStep(false)
	source := &stub{info: data.Info{N: 48, Size: 2, Channels: 3}, aspect: 1}
	p := passThrough(t, 1, c, source.info)
	collect(t, p, must.M1(NewFeed(p, source, views, 0)), 0, 5)
	want := slices.Concat(data.Order(0, 0, 48)[16:], data.Order(0, 1, 48)[:32])
	if !slices.Equal(source.asked, want) {
		t.Errorf("told %v, want what comes after the first batch, over the epoch's end: %v", source.asked, want)
	}
}

func TestFeedPassesErrorsOn(t *testing.T) {
	c, views := feedStep(false)
	bad := errors.New("bad disk")
	source := &stub{info: data.Info{N: 48, Size: 2, Channels: 3}, aspect: 1, fail: bad}
	for _, devices := range []int{1, 8} {
		p := passThrough(t, devices, c, source.info)
		f := must.M1(NewFeed(p, source, views, 0))
		var got []Batch
		for b := range f.Start(t.Context(), 0, 3) {
			got = append(got, b)
		}
		if len(got) != 1 || !errors.Is(got[0].Err, bad) {
			t.Errorf("%d devices: got %v, want the error and an end", devices, got)
		}
		must.M(f.Close())
	}
}

// TestFeedStopsInTheMiddle closes a feed whose batches nobody takes.
func TestFeedStopsInTheMiddle(t *testing.T) {
	c, views := feedStep(false)
	source := &stub{info: data.Info{N: 48, Size: 2, Channels: 3}, aspect: 1}
	p := passThrough(t, 1, c, source.info)
	f := must.M1(NewFeed(p, source, views, 0))
	batches := f.Start(t.Context(), 0, 100)
	<-batches
	must.M(f.Close())
}

// TestFeedKeepsItsMemory has a step allocate next to nothing, whatever the size of a batch.
func TestFeedKeepsItsMemory(t *testing.T) {
	c, views := feedStep(false)
	c.Batch = 64
	source := &stub{info: data.Info{N: 64 * 60, Size: 128, Channels: 3}, aspect: 1}
	p := passThrough(t, 1, c, source.info)
	f := must.M1(NewFeed(p, source, views, 0))
	slot := <-f.idle
	must.M(f.fill(slot, 0, 60))
	source.asked = make([]int, 0, 64*100)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const steps = 50
	for step := 1; step <= steps; step++ {
		must.M(f.fill(slot, step, 60))
	}
	runtime.ReadMemStats(&after)
	perStep := (after.TotalAlloc - before.TotalAlloc) / steps
	t.Logf("%d bytes a step, of batches of %d", perStep, c.Batch*source.info.ImageLen())
	if perStep > 4096 {
		t.Errorf("a step allocates %d bytes, want at most 4096", perStep)
	}
	f.idle <- slot
	must.M(f.Close())
}

// BenchmarkFeed brings batches of 256 images of 256 pixels from memory to one device: copies and view parameters.
func BenchmarkFeed(b *testing.B) {
	c, views := feedStep(false)
	c.Batch = 256
	source := &data.Set{N: 512, Size: 256, Channels: 3, Pixels: make([]uint8, 512*3*256*256)}
	for i := range source.Pixels {
		source.Pixels[i] = uint8(i)
	}
	p := passThrough(b, 1, c, source.Info())
	f := must.M1(NewFeed(p, source, views, 0))
	slot := <-f.idle
	b.SetBytes(int64(c.Batch * source.ImageLen()))
	b.ReportAllocs()
	step := 0
	for b.Loop() {
		must.M(f.fill(slot, step, step+1))
		step++
	}
	b.ReportMetric(float64(b.N*c.Batch)/b.Elapsed().Seconds(), "images/s")
	f.idle <- slot
	must.M(f.Close())
}
