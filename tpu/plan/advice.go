package plan

import (
	"fmt"
	"slices"

	"github.com/mocotpu/mocotpu/tpu"
)

// shrink is by how much temporaries shrink, measured on ResNet-50 at 224 pixels, batch 256 on v3-8.
const (
	shrinkBFloat16 = 0.52
	shrinkRemat    = 0.49
)

// Advice says what would probably make a program fit that does not: sentences with flags of `mocotpu compile`. The
// estimates take the temporaries as proportional to the batch of a device; where it is not known how much too many they
// are, nothing is said about what is enough, and the batch is halved.
func (p *Plan) Advice() []string {
	f := p.Failure
	if f == nil {
		return nil
	}
	known, fits := f.Available > 0 && f.Needed > 0, 0.5 // this part of the temporaries
	if known && (f.Available <= f.State || f.Needed <= f.State) {
		return []string{fmt.Sprintf("a smaller queue or encoder: the state alone takes %d MiB", f.State/mib)}
	}
	if known {
		fits = float64(f.Available-f.State) / float64(f.Needed-f.State)
	}
	var advice []string
	change := func(flags string, factor float64) {
		verdict := ""
		switch {
		case known && factor <= fits:
			verdict = "; should do"
		case known:
			verdict = "; is not enough alone"
		}
		advice = append(advice, fmt.Sprintf("%s: about %.0f %% of the temporaries%s", flags, 100*factor, verdict))
	}
	bfloat16, remat := p.Program.Precision != "bfloat16", p.Program.Remat != "block"
	if bfloat16 {
		change("--precision=bfloat16", shrinkBFloat16)
	}
	if remat {
		change("--remat=block", shrinkRemat)
	}
	if bfloat16 && remat {
		change("--precision=bfloat16 --remat=block", shrinkBFloat16*shrinkRemat)
	}
	if batch := p.smallerBatch(fits); batch > 0 {
		advice = append(advice, fmt.Sprintf("--batch=%d: %d images a device", batch, batch/p.Target.Devices))
	}
	if name := p.largerSlice(fits); name != "" {
		advice = append(advice, fmt.Sprintf("--topology=%s: the batch over more devices (--bn-groups a multiple of them)", name))
	}
	return advice
}

// smallerBatch halves the batch until it should fit, 0 if it can't.
func (p *Plan) smallerBatch(fits float64) int {
	batch := p.Program.Batch
	for factor := 1.0; factor > fits; factor /= 2 {
		if batch%2 != 0 || batch/2%p.Program.Groups != 0 || batch/2 < p.Target.Devices {
			return 0
		}
		batch /= 2
	}
	if batch == p.Program.Batch { // just above the limit
		return batch / 2
	}
	return batch
}

// largerSlice is the smallest slice of the same chips that has enough devices, "" if there is none.
func (p *Plan) largerSlice(fits float64) string {
	t, err := tpu.Lookup(p.Target.Name)
	if err != nil {
		return ""
	}
	all := tpu.All()
	at := slices.IndexFunc(all, func(o tpu.Topology) bool {
		return o.Chip.Name == t.Chip.Name && float64(o.Devices())*fits >= float64(p.Target.Devices) && o.Devices() > p.Target.Devices &&
			p.Program.Batch%o.Devices() == 0
	})
	if at < 0 {
		return ""
	}
	return all[at].Name
}
