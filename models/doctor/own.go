package doctor

import (
	"fmt"

	"github.com/mocotpu/mocotpu/models/data"
)

// Own is what images are by themselves: image files as their headers say, without those that cannot be read, others as they
// are stored.
type Own struct {
	// Width and Height are the least and the most, in pixels; 0 where no header could be read.
	Width  [2]int `json:"width"`
	Height [2]int `json:"height"`
	// Images counts those that are told of, Gray those of one channel, and Deep those of 16 bits.
	Images int `json:"images"`
	Gray   int `json:"gray"`
	Deep   int `json:"deep"`
}

// add adds an image file.
func (o *Own) add(h header) {
	if o.Images == 0 {
		o.Width, o.Height = [2]int{h.width, h.width}, [2]int{h.height, h.height}
	}
	o.Width = [2]int{min(o.Width[0], h.width), max(o.Width[1], h.width)}
	o.Height = [2]int{min(o.Height[0], h.height), max(o.Height[1], h.height)}
	o.Images++
	if h.gray {
		o.Gray++
	}
	if h.deep {
		o.Deep++
	}
}

// all are the images of a set that are stored as they are.
func (o *Own) all(info data.Info) {
	o.Images = info.N
	o.Width, o.Height = [2]int{info.Size, info.Size}, [2]int{info.Size, info.Size}
	if info.Channels == 1 {
		o.Gray = info.N
	}
}

// String is "32x32 pixels, 1 channel, 16 bits", or "32 to 500 by 20 to 375 pixels, 1 or 3 channels, 8 or 16 bits".
func (o Own) String() string {
	if o.Images == 0 {
		return "unknown size"
	}
	size := fmt.Sprintf("%dx%d", o.Width[0], o.Height[0])
	if o.Width[0] != o.Width[1] || o.Height[0] != o.Height[1] {
		size = fmt.Sprintf("%d to %d by %d to %d", o.Width[0], o.Width[1], o.Height[0], o.Height[1])
	}
	of := func(n int, all, some, none string) string {
		switch n {
		case o.Images:
			return all
		case 0:
			return none
		}
		return some
	}
	return fmt.Sprintf("%s pixels, %s, %s", size, of(o.Gray, "1 channel", "1 or 3 channels", "3 channels"), of(o.Deep, "16 bits", "8 or 16 bits", "8 bits"))
}
