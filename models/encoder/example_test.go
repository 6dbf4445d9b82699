package encoder_test

import (
	"context"
	"fmt"
	"os"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // the Go engine; package xla opens the others
	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/judge"
	"github.com/mocotpu/mocotpu/models/run"
	"github.com/mocotpu/mocotpu/models/train"
)

// Open a trained run, embed its images, and classify some by their nearest neighbours. The queries here are images of the
// bank, which find themselves, so that the outcome is known; a score takes held-out ones. The Go engine needs nothing
// installed, so that the example runs anywhere; its options are those that package xla gives it. A program opens the fastest
// engine of the machine with xla.Open.
func Example() {
	ctx, engine := context.Background(), must.M1(compute.NewWithConfig("go:ops_sequential"))
	dir := exampleRun(engine)
	defer os.RemoveAll(dir)

	w := must.M1(encoder.Load(dir))
	data := must.M1(w.DataSet("", "")) // what it was trained on
	images := must.M1(data.Open("train"))
	e := must.M1(encoder.New(engine, w, encoder.Options{}))
	bank := must.M1(e.EmbedAll(ctx, images, nil))
	queries := must.M1(e.Embed(images.Pixels[:10*images.ImageLen()], 10))
	search := must.M1(judge.NewSearch(engine))
	results := must.M1(search.KNN(ctx, bank.Trunk, bank.Labels, queries.Trunk, bank.Labels[:10], len(images.Classes),
		judge.KNNOptions{Ks: []int{1}, Temperature: 0.1}))
	fmt.Printf("%d features of %d images; k=%d: %v\n", bank.Trunk.Dim, bank.Trunk.Len(), results[0].K, results[0].Tally)
	// Output: 16 features of 70 images; k=1: top-1 100.0 % (72.2 to 100.0), top-5 100.0 % of 10
}

// exampleRun trains a tiny encoder for a few steps on drawn characters.
func exampleRun(engine compute.Backend) (dir string) {
	c := run.Glyphs()
	c.Data.TrainImages, c.Encoder.Width, c.Encoder.Dim, c.Views.ImageSize = 70, 2, 8, 16
	c.MoCo.Batch, c.MoCo.Groups, c.MoCo.Queue = 16, 2, 40
	c.KNN.Every, c.Run.Epochs = 0, 1
	c.Run.Dir = must.M1(os.MkdirTemp("", "example-*"))
	must.M1(train.Train(context.Background(), c, train.Machine{Backend: engine, Devices: 1}, nil))
	return c.Run.Dir
}
