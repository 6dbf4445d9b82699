package pretrain

import "github.com/mocotpu/mocotpu/models/data"

// Open reads a split of the data set, "train" or "test", as a run does.
func (d Data) Open(split string) (*data.Set, error) {
	options := data.Options{N: d.TrainImages, Seed: d.Seed}
	if split == "test" {
		options.N = d.TestImages
	}
	return data.Open(d.setName(), d.DataDir(), split, options)
}
