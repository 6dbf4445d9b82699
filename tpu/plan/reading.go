package plan

import (
	"fmt"
	"math"
	"strings"
)

// Reading is what each host has to read so that no step waits, were steps ideal.
type Reading struct {
	Hosts  int     `json:"hosts"`
	Images float64 `json:"images_per_second"` // of each host
	Bytes  float64 `json:"bytes_per_second"`  // of them, as they are stored
	// Cores is how many cores of each host are busy decoding where images are image files, by Program.DecodeRate; 0 where that
	// is not known. A set that is decoded already takes none of them.
	Cores float64 `json:"decoding_cores"`
}

// readingOf is nil where the time of a step, or what an image takes, is not known.
func readingOf(p Program, t Target, step Time) *Reading {
	if step.ImagesPerSecond == 0 || p.ImageBytes == 0 {
		return nil
	}
	r := &Reading{Hosts: max(1, t.Hosts)}
	r.Images = step.ImagesPerSecond / float64(r.Hosts)
	r.Bytes = r.Images * float64(p.ImageBytes)
	if p.DecodeRate > 0 {
		r.Cores = r.Images * p.decodings(r.Hosts) / p.DecodeRate
	}
	return r
}

// decodings is how many image files a host decodes for each image of its devices: the views of those that Shuffling BN brings
// from other hosts are drawn by their shapes, which a file does not tell without decoding.
func (p Program) decodings(hosts int) float64 {
	if !p.Shuffled {
		return 1
	}
	return 2 - 1/float64(hosts)
}

func (p *Plan) writeReading(b *strings.Builder) {
	r := p.Reading
	if r == nil {
		return
	}
	fmt.Fprint(b, "\nreading, for such steps\n")
	who := "the host"
	if r.Hosts > 1 {
		who = fmt.Sprintf("each of %d hosts", r.Hosts)
	}
	fmt.Fprintf(b, "  %s: %.0f img/s, %.1f MB/s of %d bytes an image, decoded or packed\n", who, r.Images, r.Bytes/1e6, p.Program.ImageBytes)
	if r.Cores == 0 {
		return
	}
	again := ""
	if n := p.Program.decodings(r.Hosts); n > 1 {
		again = fmt.Sprintf(", %.4g times each for the shapes of shuffled ones", n)
	}
	fmt.Fprintf(b, "  image files that are not packed: decoding takes %s, at %.0f img/s each%s\n", count(int(math.Ceil(r.Cores)), "core"), p.Program.DecodeRate, again)
}
