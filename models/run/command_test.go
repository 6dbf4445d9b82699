package run

import (
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// The arguments are the preset and what differs from it and shapes the run, in the order of config.json.
func TestArguments(t *testing.T) {
	flagOf := func(field string) string {
		_, last, _ := strings.Cut(field, ".")
		return strings.ReplaceAll(last, "_", "-")
	}
	cifar := must.M1(Preset("cifar10"))
	cifar.MoCo.Batch, cifar.Optim.LR, cifar.Run.Epochs, cifar.Run.Dir = 256, 0.03, 20, "/home/me/runs/x"
	cifar.Optim.Schedule, cifar.Optim.Milestones = "step", []int{12, 16}
	cifar.Engine.Devices, cifar.KNN.Every, cifar.Run.LogEvery, cifar.Data.Dir = 8, 5, 1, "/home/me/cifar" // not the result's
	v2 := must.M1(Preset("moco-v2"))
	v2.Data.Dir, v2.Run.Init, v2.Data.TrainImages = "/home/me/photos", "/home/me/start.pth", 5000
	digits := must.M1(Preset("glyphs"))
	digits.Preset, digits.Data = "renamed", must.M1(Preset("emnist")).Data
	// Of other images --preset=auto makes another configuration: the card says what it made of these.
	photos := must.M1(Preset("moco-v2")).Data
	photos.Dir = "/home/me/photos"
	fitted, _, err := Fit(photos, Facts{Images: 1000, Side: 40})
	must.M(err)
	gray, _, err := Fit(photos, Facts{Images: 1000, Side: 40, Gray: true, Window: "5,900"})
	must.M(err)
	for _, test := range []struct {
		c    Config
		want string
	}{
		{gray, "--preset=cifar10 --data=photos --canvas=40 --channels=1 --window=5,900 --batch=32 --queue=128 --lr=0.00375"},
		{must.M1(Preset("mnist")), "--preset=mnist"},
		{cifar, "--preset=cifar10 --batch=256 --lr=0.03 --schedule=step --milestones=12,16 --epochs=20"},
		{v2, "--preset=moco-v2 --data=photos --train-images=5000 --init=start.pth"},
		{fitted, "--preset=cifar10 --data=photos --canvas=40 --batch=32 --queue=128 --lr=0.00375"},
		{digits, "--preset=glyphs --data=emnist/byclass --train-images=0"},
	} {
		if got := test.c.Arguments(flagOf); !slices.Equal(got, strings.Fields(test.want)) {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
