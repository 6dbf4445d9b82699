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

// microPart is what micro-batches leave of the temporaries: their share, and of the rest a twentieth, which does not depend on
// the batch. Measured on ResNet-50 at 224 pixels, batch 128 on a v2 core.
func microPart(micro int) float64 { return 0.05 + 0.95/float64(max(1, micro)) }

// The settings that a Change changes.
const (
	settingPrecision = "precision"
	settingRemat     = "remat"
	settingMicro     = "micro"
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

// settingsOf are the changes to a precision, a kind of recomputing, and micro-batches, which are left out where they are none.
func settingsOf(precision, remat string, micro int) []Change {
	changes := []Change{{settingPrecision, precision}, {settingRemat, remat}}
	if micro > 1 {
		changes = append(changes, Change{settingMicro, strconv.Itoa(micro)})
	}
	return changes
}

// An Advice is what would probably make a program take less memory.
type Advice struct {
	// Changes are made together; none says that only less state would help: a smaller queue or encoder.
	Changes []Change
	// Part is what is left of the temporaries: 0.5 is half of them. It is an estimate, for changes of precision, remat and micro.
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
	fits, known := f.fits()
	if fits <= 0 {
		return []Advice{{Known: true}}
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
	if micro, groups := p.moreMicro(fits); groups == p.Program.Groups {
		change(microPart(micro)/microPart(p.Program.Micro), Change{settingMicro, strconv.Itoa(micro)})
	} else if micro > 0 {
		change(microPart(micro)/microPart(p.Program.Micro), Change{settingMicro, strconv.Itoa(micro)}, Change{settingGroups, strconv.Itoa(groups)})
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
	if a.Changes[0].Setting == settingMicro {
		what += a.sameNumbers(p)
	}
	switch {
	case a.Enough:
		what += "; should do"
	case a.Known:
		what += "; is not enough alone"
	}
	return what
}

// sameNumbers says of micro-batches whether they need more BatchNorm groups.
func (a Advice) sameNumbers(p *Plan) string {
	if len(a.Changes) == 1 {
		return ", and the same numbers"
	}
	groups, _ := strconv.Atoi(a.Changes[1].Value) // of moreMicro
	return fmt.Sprintf(", but other numbers: BatchNorm groups of %d images instead of %d", p.Program.Batch/groups, p.Program.Batch/p.Program.Groups)
}

// fits is the part of the temporaries that has room, half where it is not known how much too many they are, and 0 where the
// state alone is too large.
func (f *Failure) fits() (part float64, known bool) {
	switch known = f.Available > 0 && f.Needed > 0; {
	case !known:
		return 0.5, false
	case f.Available <= f.State || f.Needed <= f.State:
		return 0, true
	}
	return float64(f.Available-f.State) / float64(f.Needed-f.State), true
}

// leastGroup is the smallest BatchNorm group that is proposed, in images.
const leastGroup = 8

// moreMicro is the fewest micro-batches that should make a program fit, else the most there can be, and the BatchNorm groups
// that they need: more than there are where a device has a single one. It is 0 if there can be no more.
func (p *Plan) moreMicro(fits float64) (micro, groups int) {
	now, each := max(1, p.Program.Micro), p.Program.Groups/p.Target.Devices
	groups = p.Program.Groups
	enough := func(m int) bool { return microPart(m) <= fits*microPart(now) }
	for m := now + 1; m <= each && !(micro > 0 && enough(micro)); m++ {
		if each%m == 0 {
			micro = m
		}
	}
	if each > 1 {
		return micro, groups
	}
	for m := 2; p.Program.Batch%(m*groups) == 0 && p.Program.Batch/(m*groups) >= leastGroup && !(micro > 0 && enough(micro)); m *= 2 {
		micro = m
	}
	return micro, groups * micro
}

// smallerBatch is the largest of the halved batches that should fit, 0 if none does.
func (p *Plan) smallerBatch(fits float64) int {
	for _, batch := range p.Program.Halves {
		if float64(batch) <= fits*float64(p.Program.Batch) && batch >= p.Target.Devices {
			return batch
		}
	}
	return 0
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
