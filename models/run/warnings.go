package run

import "fmt"

// Warnings says what is allowed but probably not meant, for nTrain training
// images: whole sentences for the user.
func (c Config) Warnings(nTrain int) []string {
	var w []string
	m := c.MoCo
	if m.Queue > nTrain {
		w = append(w, fmt.Sprintf("queue longer than the data set: %d keys for %d images, so every image "+
			"is its own negative; lower --queue", m.Queue, nTrain))
	}
	if c.Data.Canvas > 0 && c.Data.Canvas < c.Views.ImageSize {
		w = append(w, fmt.Sprintf("views of %d pixels from a canvas of %d: they hold no more detail than the canvas; "+
			"raise --canvas to %d or more", c.Views.ImageSize, c.Data.Canvas, c.Views.ImageSize))
	}
	if blur := c.Views.Augment.Blur; blur.P > 0 && blur.Reach(c.Views.ImageSize) == 0 {
		w = append(w, fmt.Sprintf("blur does nothing in views of %d pixels: its kernel is %g of them; --blur=0 leaves it out", c.Views.ImageSize, blur.Kernel))
	}
	if c.Data.Channels == 1 {
		instead := "--channels=3 repeats it"
		if dir, err := c.Data.Packed("train"); err == nil && dir != "" {
			instead = "the set is packed so: mocotpu data pack without --channels=1 repeats it"
		}
		w = append(w, "images of one channel: saturation, hue, gray and mix are off, and the first convolution has one channel ("+instead+")")
	}
	if m.KeyMomentum == 1 {
		w = append(w, "a key momentum of 1 leaves the key encoder as it began; lower --key-momentum to 0.999")
	}
	switch {
	case m.Groups == 1 && m.Shuffle:
		w = append(w, "--shuffle does nothing with one BatchNorm group; set --bn-groups to 8")
	case m.Groups == 1:
		w = append(w, "one BatchNorm group: the batch's statistics tell a query its key; "+
			"set --bn-groups to 8 and --shuffle")
	case !m.Shuffle:
		w = append(w, "--shuffle is off: the groups' BatchNorm statistics tell a query its key")
	}
	return w
}
