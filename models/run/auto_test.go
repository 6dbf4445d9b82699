package run

import (
	"errors"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// What is chosen for sets whose recipes are known is near those: the queue of CIFAR's notebook twice, its momentum; the
// batch, queue and momentum of MoCo on ImageNet.
func TestFit(t *testing.T) {
	folder := func(canvas int) dataset.Config { return dataset.Config{Kind: "folder", Dir: "photos", Canvas: canvas} }
	for _, test := range []struct {
		data  dataset.Config
		facts Facts
		want  string
	}{
		{dataset.Config{Kind: "cifar10"}, Facts{Images: 50000, Side: 32}, "preset=cifar10 batch=256 queue=8192 key-momentum=0.99 lr=0.03"},
		{dataset.Config{Kind: "mnist"}, Facts{Images: 60000, Side: 28, Crop: 0.5, Sided: true}, "preset=mnist crop=0.5,1 batch=256 queue=8192 key-momentum=0.995 lr=0.12"},
		{Glyphs().Data, Facts{Images: 12000, Side: 32, Crop: 0.08, Sided: true}, "preset=glyphs batch=128 queue=2048 key-momentum=0.99 lr=0.06"},
		{folder(256), Facts{Images: 1281167, Side: 375}, "preset=moco-v2 batch=256 queue=65536 key-momentum=0.999 lr=0.03"},
		{folder(256), Facts{Images: 34745, Side: 375, Sided: true}, "preset=moco-v2 flip=0 batch=256 queue=8192 key-momentum=0.99 lr=0.03"},
		{folder(256), Facts{Images: 500, Side: 100}, "preset=moco-v2 image-size=96 canvas=112 arch=resnet18 batch=32 queue=64 key-momentum=0.99 lr=0.00375"},
		{folder(256), Facts{Images: 500, Side: 65}, "preset=moco-v2 image-size=64 canvas=80 arch=resnet18 batch=32 queue=64 key-momentum=0.99 lr=0.00375"},
		{folder(64), Facts{Images: 100, Side: 20, Batch: 64}, "preset=cifar10 batch=64 queue=64 key-momentum=0.99 lr=0.0075"},
		{folder(64), Facts{Images: 24, Side: 32}, "preset=cifar10 batch=16 queue=16 key-momentum=0.99 lr=0.001875"},
		{folder(64), Facts{Images: 16, Side: 32}, "preset=cifar10 batch=16 queue=16 key-momentum=0.99 lr=0.001875"},
		{folder(64), Facts{Images: 9, Side: 32, Groups: 2}, "preset=cifar10 batch=8 queue=8 key-momentum=0.99 lr=0.000938"},
		{folder(256), Facts{Images: 500, Side: 300, Gray: true, Window: "120,3800"}, "preset=moco-v2 channels=1 window=120,3800 batch=32 queue=64 key-momentum=0.99 lr=0.00375"},
		{dataset.Config{Kind: "folder", Dir: "photos", Canvas: 256, Channels: 1, Window: "1,2"}, Facts{Images: 500, Side: 300, Gray: true, Window: "120,3800"}, "preset=moco-v2 batch=32 queue=64 key-momentum=0.99 lr=0.00375"},
	} {
		c, choices, err := Fit(test.data, test.facts)
		if err != nil {
			t.Errorf("%+v: %v", test.facts, err)
			continue
		}
		var got []string
		for _, choice := range choices {
			if choice.Why == "" {
				t.Errorf("%+v: no reason", choice)
			}
			got = append(got, choice.Flag+"="+choice.Value)
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("%+v: %s, want %s", test.facts, text, test.want)
		}
		if err := c.Validate(); err != nil || c.Preset != AutoPreset || c.Data.Dir != test.data.Dir {
			t.Errorf("%+v: preset %q of %+v: %v", test.facts, c.Preset, c.Data, err)
		}
		if n := test.facts.Images; c.ValidateData(n) != nil || c.MoCo.Queue > n {
			t.Errorf("%+v: batch %d, queue %d: %v", test.facts, c.MoCo.Batch, c.MoCo.Queue, c.ValidateData(n))
		}
		if c.MoCo.Queue > test.facts.Images/4 && c.MoCo.Queue > c.MoCo.Batch {
			t.Errorf("%+v: queue %d is more than a quarter of an epoch", test.facts, c.MoCo.Queue)
		}
	}
}

// Where there are too few images for any batch, what is said is how many it takes.
func TestFitRefuses(t *testing.T) {
	for facts, want := range map[Facts]string{
		{Images: 15, Side: 32}:           "15 training images, want at least 16, two for each of the 8 BatchNorm groups",
		{Images: 7, Side: 32, Groups: 4}: "7 training images, want at least 8, two for each of the 4",
	} {
		_, _, err := Fit(dataset.Config{Kind: "folder", Dir: "photos", Canvas: 64}, facts)
		if !errors.Is(err, settings.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", facts, err, want)
		}
	}
}
