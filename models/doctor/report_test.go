package doctor

import (
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/data/dataset"
	"github.com/mocotpu/mocotpu/models/run"
)

// The line that trains opens the data that was examined: train's own reading of --data and --data-dir gives it back.
func TestCommandNamesItsData(t *testing.T) {
	preset := []run.Choice{{Flag: "preset", Value: "cifar10"}, {Flag: "batch", Value: "64"}}
	for _, c := range []struct {
		data dataset.Config
		want string
	}{
		{dataset.Config{Kind: "mnist"}, "--data=mnist --batch=64"},
		{dataset.Config{Kind: "cifar100", Dir: "my files"}, "--data=cifar100 --data-dir='my files' --batch=64"},
		{dataset.Config{Kind: "cifar10", Dir: "files"}, "--data=cifar10 --data-dir=files --batch=64"},
		{dataset.Config{Kind: "emnist", Split: "letters", Dir: "files"}, "--data=emnist/letters --data-dir=files --batch=64"},
		{dataset.Config{Kind: "folder", Dir: "photos", Unlabeled: true}, "--data=photos --batch=64 --unlabeled"},
	} {
		if got := command(preset, c.data); got != "mocotpu train --preset=cifar10 "+c.want {
			t.Errorf("%+v: %s, want %s", c.data, got, c.want)
		}
		if c.data.Kind == "folder" {
			continue
		}
		read := must.M1(must.M1(run.Preset("cifar10")).Data.With(c.data.Name(), c.data.Dir))
		if read.Name() != c.data.Name() || read.Dir != c.data.Dir {
			t.Errorf("%+v is read as %+v", c.data, read)
		}
	}
}
