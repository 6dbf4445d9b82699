package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/tpu"
)

// shrink is by how much temporaries shrink, measured on ResNet-50 at 224 pixels, batch 256 on v3-8.
const (
	shrinkBFloat16 = 0.52
	shrinkRemat    = 0.49
)

// The settings that a Change changes.
const (
	settingPrecision = "precision"
	settingRemat     = "remat"
	settingBatch     = "batch"
	settingTopology  = "topology"
)

// settingGroups must go with a topology; settingFit is [Fit].
const (
	settingGroups = "bn-groups"
	settingFit    = "fit"
)

// A Change is a setting and its new value.
type Change struct{ Setting, Value string }

// Say puts a change into the words of the reader: a command's flag, for one. Where Value is "", it names the setting alone,
// also of "bn-groups", and of "fit", which is [Fit]. A nil Say says "precision=bfloat16".
type Say func(Change) string

// one is a change in words.
func (s Say) one(c Change) string {
	switch {
	case s != nil:
		return s(c)
	case c.Value == "":
		return c.Setting
	}
	return c.Setting + "=" + c.Value
}

// all is several changes in words.
func (s Say) all(changes []Change) string {
	words := make([]string, len(changes))
	for i, c := range changes {
		words[i] = s.one(c)
	}
	return strings.Join(words, " ")
}

// settingsOf are the changes to a precision and a kind of recomputing.
func settingsOf(precision, remat string) []Change {
	return []Change{{settingPrecision, precision}, {settingRemat, remat}}
}

// An Advice is what would probably make a program take less memory.
type Advice struct {
	// Changes are made together; none says that only less state would help: a smaller queue or encoder.
	Changes []Change
	// Part is what is left of the temporaries: 0.5 is half of them. It is an estimate, for changes of precision and remat.
	Part float64
	// Known says that it is known how much too many the temporaries are, Enough that the changes alone should do then.
	Known, Enough bool
}

// Advice says what would probably make a program fit that does not. The estimates take the temporaries as proportional to
// the batch of a device; where it is not known how much too many they are, nothing is said about what is enough, and the
// batch is halved.
func (p *Plan) Advice() []Advice {
	f := p.Failure
	if f == nil {
		return nil
	}
	known, fits := f.Available > 0 && f.Needed > 0, 0.5 // this part of the temporaries
	if known && (f.Available <= f.State || f.Needed <= f.State) {
		return []Advice{{Known: true}}
	}
	if known {
		fits = float64(f.Available-f.State) / float64(f.Needed-f.State)
	}
	var advice []Advice
	change := func(part float64, changes ...Change) {
		advice = append(advice, Advice{changes, part, known, known && part <= fits})
	}
	bfloat16, remat := Change{settingPrecision, "bfloat16"}, Change{settingRemat, "block"}
	if p.Program.Precision != bfloat16.Value {
		change(shrinkBFloat16, bfloat16)
	}
	if p.Program.Remat != remat.Value {
		change(shrinkRemat, remat)
	}
	if len(advice) == 2 {
		change(shrinkBFloat16*shrinkRemat, bfloat16, remat)
	}
	if batch := p.smallerBatch(fits); batch > 0 {
		change(0, Change{settingBatch, strconv.Itoa(batch)})
	}
	if name := p.largerSlice(fits); name != "" {
		change(0, Change{settingTopology, name})
	}
	return advice
}

// text is an advice about the plan as a sentence.
func (a Advice) text(p *Plan, say Say) string {
	if len(a.Changes) == 0 {
		return fmt.Sprintf("a smaller queue or encoder: the state alone takes %d MiB", p.Failure.State/mib)
	}
	what := say.all(a.Changes) + ": "
	switch a.Changes[0].Setting {
	case settingBatch:
		batch, _ := strconv.Atoi(a.Changes[0].Value) // of smallerBatch
		return what + fmt.Sprintf("%d images a device", batch/p.Target.Devices)
	case settingTopology:
		return what + fmt.Sprintf("the batch over more devices (%s a multiple of them)", say.one(Change{Setting: settingGroups}))
	}
	what += fmt.Sprintf("about %.0f %% of the temporaries", 100*a.Part)
	switch {
	case a.Enough:
		what += "; should do"
	case a.Known:
		what += "; is not enough alone"
	}
	return what
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
