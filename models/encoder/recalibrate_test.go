package encoder

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/mocotpu/mocotpu/models/augment"
	"github.com/mocotpu/mocotpu/models/data"
	"github.com/mocotpu/mocotpu/models/internal/engines"
	"github.com/mocotpu/mocotpu/models/internal/parity"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/mesh"
)

// While a recalibrated encoder is used its running statistics are the mean of the batches' own; then they are what
// they were, also when the use fails.
func TestRecalibrated(t *testing.T) {
	b := engines.Go(t)
	m, err := mesh.New(b, 1)
	if err != nil {
		t.Fatal(err)
	}
	views, err := augment.Preset("cifar")
	if err != nil {
		t.Fatal(err)
	}
	c := ProgramConfig{
		Encoder: resnet.Config{
			Arch: "resnet10", Width: 4, Stem: resnet.StemSmall, Head: resnet.HeadLinear, Dim: 3,
			Precision: resnet.Float32, Remat: resnet.RematNone,
		},
		Views: views, ImageSize: 16, Size: 16, Channels: 3, Batch: 4,
	}
	store := model.NewStore()
	resnet.Init(store.RootScope().In("at"), c.Encoder, 1)
	statistics := func() []float32 {
		var all []float32
		for _, p := range c.Encoder.Params() {
			if p.Buffer {
				all = append(all, tensors.MustCopyFlatData[float32](store.RootScope().At("at").GetVariable(p.Name).MustValue())...)
			}
		}
		return all
	}
	before := statistics()
	images := parity.Pixels("recalibrate", 11, 16)
	part := func(first, n int) *data.Set {
		set := &data.Set{N: 11, Size: 16, Channels: 3, Pixels: images}
		return &data.Set{N: n, Size: 16, Channels: 3, Pixels: set.Pixels[first*set.ImageLen() : (first+n)*set.ImageLen()]}
	}
	errUse := errors.New("use failed")
	during := func(first, n, batches int) []float32 {
		t.Helper()
		var got []float32
		err := Recalibrated(t.Context(), m, store, "at", c, part(first, n), batches, func() error {
			got = statistics()
			return errUse
		})
		if !errors.Is(err, errUse) {
			t.Fatalf("error %v, want what the use returned", err)
		}
		if !slices.Equal(statistics(), before) {
			t.Fatal("the statistics were not put back")
		}
		return got
	}
	one, two := during(0, 4, 9), during(4, 4, 9)
	want := make([]float64, len(one))
	for i := range want {
		want[i] = (float64(one[i]) + float64(two[i])) / 2
	}
	if d := parity.Compare(one, two); !(d.RelL2 > 1e-3) {
		t.Fatalf("two batches have the same statistics: %v", d)
	}
	// 11 images have two whole batches of 4, whatever number is asked for.
	for _, batches := range []int{2, 9} {
		if d := parity.Compare(during(0, 11, batches), want); !(d.RelL2 < parity.Forward) {
			t.Errorf("%d batches: %v", batches, d)
		}
	}
	if d := parity.Compare(during(0, 11, 1), one); !(d.RelL2 < parity.Rounding) {
		t.Errorf("one batch of two: %v", d)
	}
	err = Recalibrated(t.Context(), m, store, "at", c, part(0, 3), 2, func() error { return nil })
	if err == nil || !strings.Contains(err.Error(), "a batch of 4 images, got 3") {
		t.Errorf("too few images: error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = Recalibrated(ctx, m, store, "at", c, part(0, 11), 2, func() error { return errUse })
	if !errors.Is(err, context.Canceled) || errors.Is(err, errUse) || !slices.Equal(statistics(), before) {
		t.Errorf("ended context: error %v, want its own, no use, and the statistics put back", err)
	}
}
