package plan

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/xla"
)

// A Failure is the compiler's complaint that a program does not fit, taken apart.
type Failure struct {
	// Needed and Available are bytes of a device's memory, 0 where the text does not say. The compiler makes what it
	// can fit first, so that Needed may be just above Available.
	Needed    int64 `json:"needed_bytes"`
	Available int64 `json:"available_bytes"`
	// State is what the donated arguments take of Needed on each device: it does not shrink with the batch.
	State int64 `json:"state_bytes"`
	// Largest are the largest allocations it named.
	Largest []Buffer `json:"largest"`
	// Text is the whole complaint.
	Text string `json:"text"`
}

var (
	exceeds    = regexp.MustCompile(`required for HLO temporaries \(([\d.]+)([KMGT]?)\) exceeds available HBM \(([\d.]+)([KMGT]?)\)`)
	used       = regexp.MustCompile(`Used ([\d.]+)([KMGT]?) of ([\d.]+)([KMGT]?) hbm`)
	allocation = regexp.MustCompile(`(?s)Size: ([\d.]+)([KMGT]?)\n(.*?)\n\s*={3,}`)
	operator   = regexp.MustCompile(`op_name="([^"]*)"`)
	shapeLine  = regexp.MustCompile(`Shape: (\w+\[[\d,]*\])`)
	unpadded   = regexp.MustCompile(`Unpadded size: ([\d.]+)([KMGT]?)`)
	labelled   = regexp.MustCompile(`XLA label: \S+ = (?:.*? )?([\w-]+)\(`)
)

var units = map[string]float64{"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}

func size(number, unit string) int64 {
	x, _ := strconv.ParseFloat(number, 64) // the pattern leaves digits and dots
	return int64(x * units[unit])
}

// readFailure takes libtpu's text about a program apart; of any other only the text is kept.
func readFailure(text, program string) *Failure {
	f := &Failure{Text: strings.TrimSpace(text), State: xla.Donated(program)}
	m := exceeds.FindStringSubmatch(text)
	if m == nil {
		m = used.FindStringSubmatch(text)
	}
	if m != nil {
		f.Needed, f.Available = size(m[1], m[2]), size(m[3], m[4])
	}
	for _, m := range allocation.FindAllStringSubmatch(text, largestShown) {
		b := Buffer{Bytes: size(m[1], m[2]), Padding: 1}
		if s := shapeLine.FindStringSubmatch(m[3]); s != nil {
			b.Shape = s[1]
		}
		if s := unpadded.FindStringSubmatch(m[3]); s != nil {
			if n := size(s[1], s[2]); n > 0 {
				b.Padding = float64(b.Bytes) / float64(n)
			}
		}
		opcode := ""
		if s := labelled.FindStringSubmatch(m[3]); s != nil {
			opcode = s[1]
		}
		name := ""
		if s := operator.FindStringSubmatch(m[3]); s != nil {
			name = s[1]
		}
		b.Layer, b.Operation, b.Backward = splitName(name, opcode)
		f.Largest = append(f.Largest, b)
	}
	return f
}
