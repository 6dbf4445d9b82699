package plan

import (
	"strings"

	"github.com/mocotpu/mocotpu/xla/hlo"
)

// What an exchange may be for in a step of contrastive training.
const (
	images     = "images"
	features   = "features"
	keys       = "keys"
	gradients  = "gradients"
	statistics = "statistics" // BatchNorm's, the loss
)

// Purpose guesses what an exchange is for in a step that shuffles images, sums gradients and gathers keys: images,
// features, keys, gradients or statistics. It goes by opcode, type and size:
//
//   - 8-bit integers only: images;
//   - all-reduce and reduce-scatter: gradients if an array has three or more axes longer than 1 or takes 16 KiB, as it
//     does where a compiler has laid many end to end, or if an array has two such axes and all together take 16 KiB;
//     else statistics. The name does not count: an exchange that combines many has that of one of them;
//   - else what comes straight from an input by its name (package xla gives it "input/"), or, where the name has no
//     layer, an array with three or more axes longer than 1: images;
//   - else all-to-all and collective-permute: features;
//   - else keys.
func Purpose(c hlo.Collective) string {
	bytesOnly, axes, largest := len(c.Shapes) > 0, 0, int64(0)
	for _, s := range c.Shapes {
		bytesOnly = bytesOnly && (s.DType == "u8" || s.DType == "s8")
		long := 0
		for _, d := range s.Dims {
			if d > 1 {
				long++
			}
		}
		axes, largest = max(axes, long), max(largest, s.Bytes())
	}
	const small = 16 << 10
	switch {
	case bytesOnly:
		return images
	case c.Op == "all-reduce" || c.Op == "reduce-scatter":
		if axes >= 3 || largest >= small || axes == 2 && c.Bytes >= small {
			return gradients
		}
		return statistics
	case strings.HasPrefix(c.OpName, "input/"), !strings.Contains(c.OpName, "/") && axes >= 3:
		return images
	case c.Op == "all-to-all" || c.Op == "collective-permute":
		return features
	}
	return keys
}
