package run

import (
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/models/data/dataset"
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
		{folder(64), Facts{Images: 100, Side: 20, Batch: 64}, "preset=cifar10 batch=64 queue=64 key-momentum=0.99 lr=0.0075"},
	} {
		c, choices := Fit(test.data, test.facts)
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
		if c.MoCo.Queue > test.facts.Images/4 && c.MoCo.Queue > c.MoCo.Batch {
			t.Errorf("%+v: queue %d is more than a quarter of an epoch", test.facts, c.MoCo.Queue)
		}
	}
}
