package train

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/models/convert"
	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/moco"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/models/step"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// beginning is what a run starts from, where that is a file.
type beginning struct {
	path   string
	values map[string]map[string][]float32 // of variables, by scope and name
	fresh  []string                        // variables of the encoders that the file does not have, which stay as they were drawn

	// Of a whole state: the queue, nil without one, its pointer, and the epochs done.
	queue   []float32
	pointer int
	epochs  int
	said    []string // notes for the user
}

// readBeginning reads the weights that a run starts from, and checks them against its encoder, before anything is
// compiled. Both encoders start from the file's, the key encoder from the file's own where there is one, as MoCo's
// checkpoints have it. A head that does not fit stays fresh; everything else must be there, and nothing besides.
func readBeginning(path string, c resnet.Config) (*beginning, error) {
	query, key, err := convert.Load(path)
	if err != nil {
		return nil, fmt.Errorf("train: --init: %w: %w", settings.ErrInvalid, err)
	}
	if key == nil {
		key = query
	}
	if suspect := append(query.Suspect(), key.Suspect()...); len(suspect) > 0 {
		return nil, fmt.Errorf("train: --init: %w: %s has weights of no use: %s", settings.ErrInvalid, path, strings.Join(slices.Compact(suspect), "\n"))
	}
	b := &beginning{path: path, values: map[string]map[string][]float32{moco.QueryScope: query.Values, moco.KeyScope: key.Values}}
	var wrong []string
	head := fits(query, c, isHead) && fits(key, c, isHead)
	for _, p := range c.Params() {
		switch {
		case isHead(p.Name) && !head:
			b.fresh = append(b.fresh, p.Name)
		case len(query.Values[p.Name]) != p.Size():
			wrong = append(wrong, fmt.Sprintf("%s has %d values, want %d for %v", p.Name, len(query.Values[p.Name]), p.Size(), p.Dims))
		}
	}
	for name := range query.Values {
		known := slices.ContainsFunc(c.Params(), func(p resnet.Param) bool { return p.Name == name })
		if !known && !isHead(name) {
			wrong = append(wrong, name+" is none of this encoder's")
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		n := query.Manifest.Network
		return nil, fmt.Errorf("train: --init: %w: %s is a %s of width %d with stem %s, want --arch=%s --width=%d --stem=%s, or set these flags "+
			"to the file's:\n%s", settings.ErrInvalid, path, n.Arch, n.Width, n.Stem, c.Arch, c.Width, c.Stem, strings.Join(wrong, "\n"))
	}
	note := "both encoders start from " + path
	if len(b.fresh) > 0 {
		note += fmt.Sprintf(", but for the head, which is new (%s): the file's does not fit --head and --dim", strings.Join(b.fresh, ", "))
	}
	b.said = []string{note}
	return b, nil
}

// isHead tells whether a variable is one of the projection head's.
func isHead(name string) bool { return strings.HasPrefix(name, "fc.") }

// fits tells whether the weights have just the variables of c that pass which, in c's sizes.
func fits(w *encoder.Weights, c resnet.Config, which func(string) bool) bool {
	count := 0
	for _, p := range c.Params() {
		if !which(p.Name) {
			continue
		}
		count++
		if len(w.Values[p.Name]) != p.Size() {
			return false
		}
	}
	for name := range w.Values {
		if which(name) {
			count--
		}
	}
	return count == 0
}

// apply sets what the file has in the state of a run that begins.
func (b *beginning) apply(s *step.Step, c resnet.Config) error {
	set := func(name string, value *tensors.Tensor) error {
		if err := s.Set(name, value); err != nil {
			return fmt.Errorf("train: setting %s as %s has it: %w", name, b.path, err)
		}
		return nil
	}
	for scope, values := range b.values {
		for _, p := range c.Params() {
			if p.Buffer && scope == moco.MomentumScope || slices.Contains(b.fresh, p.Name) {
				continue
			}
			if err := set(scope+"/"+p.Name, tensors.FromFlatDataAndDimensions(values[p.Name], p.Dims...)); err != nil {
				return err
			}
		}
	}
	if b.queue == nil {
		return nil
	}
	if err := set(moco.QueueName, tensors.FromFlatDataAndDimensions(b.queue, len(b.queue)/c.Dim, c.Dim)); err != nil {
		return err
	}
	return set(moco.PointerName, tensors.FromScalar(int32(b.pointer)))
}
