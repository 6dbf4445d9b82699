package convert

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/models/encoder"
	"github.com/mocotpu/mocotpu/models/format/pickle"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/format/torchfile"
	"github.com/mocotpu/mocotpu/models/resnet"
)

// checkpointParts are those of a checkpoint's file, to be changed and written.
type checkpointParts struct {
	root, state, optimizer, group pickle.Dict
}

func partsOf(t *testing.T, r *encoder.Run) *checkpointParts {
	t.Helper()
	p := &checkpointParts{root: pickle.Dict{{Key: "epoch", Value: 3}}}
	for _, tensor := range must.M1(mocoStateDict(r)) {
		p.state = append(p.state, pickle.Entry{Key: tensor.Name, Value: tensor})
	}
	p.optimizer = must.M1(mocoOptimizer(r))
	groups, _ := p.optimizer.Get("param_groups")
	p.group = groups.(pickle.List)[0].(pickle.Dict)
	return p
}

// put sets a key of a dict.
func put(d *pickle.Dict, key string, v any) {
	i := slices.IndexFunc(*d, func(e pickle.Entry) bool { return e.Key == key })
	if i < 0 {
		*d = append(*d, pickle.Entry{Key: key, Value: v})
		return
	}
	(*d)[i].Value = v
}

// drop takes keys with a prefix out of a dict.
func drop(d *pickle.Dict, prefix string) {
	*d = slices.DeleteFunc(*d, func(e pickle.Entry) bool { name, _ := e.Key.(string); return strings.HasPrefix(name, prefix) })
}

func (p *checkpointParts) write(t *testing.T) string {
	t.Helper()
	put(&p.optimizer, "param_groups", pickle.List{p.group})
	put(&p.root, "optimizer", p.optimizer)
	put(&p.root, stateDictKey, p.state)
	path := filepath.Join(t.TempDir(), "x.pth.tar")
	f := must.M1(os.Create(path))
	must.M(torchfile.Write(io.Writer(f), p.root))
	must.M(f.Close())
	return path
}

// A checkpoint gives back the whole state, under the names of DistributedDataParallel, without them, and under those of
// MoCo's CIFAR notebook.
func TestLoadCheckpoint(t *testing.T) {
	for _, head := range []string{resnet.HeadLinear, resnet.HeadMLP} {
		want := tinyRun(tiny(head))
		notebook := map[string]string{}
		for from, to := range notebookNames {
			notebook[to] = from
		}
		for name, rename := range map[string]func(string) string{
			"distributed": func(s string) string { return s },
			"plain":       func(s string) string { return strings.TrimPrefix(s, mocoPrefix) },
			"notebook": func(s string) string {
				s = strings.TrimPrefix(s, mocoPrefix)
				for _, scope := range []string{"encoder_q.", "encoder_k."} {
					if rest, ok := strings.CutPrefix(s, scope); ok {
						for to, from := range notebook {
							if last, ok := strings.CutPrefix(rest, to); ok {
								return scope + from + last
							}
						}
					}
				}
				return s
			},
		} {
			if name == "notebook" && head == resnet.HeadMLP {
				continue // it has none
			}
			p := partsOf(t, want)
			for i := range p.state {
				renamed := p.state[i].Value.(safetensors.Tensor)
				renamed.Name = rename(renamed.Name)
				p.state[i] = pickle.Entry{Key: renamed.Name, Value: renamed}
			}
			got, err := LoadCheckpoint(p.write(t))
			if err != nil {
				t.Errorf("%s, %s head: %v", name, head, err)
				continue
			}
			same := func(a, b map[string][]float32) bool {
				for n := range b {
					if !slices.Equal(a[n], b[n]) {
						return false
					}
				}
				return len(a) == len(b)
			}
			if !same(got.Query.Values, want.Query.Values) || !same(got.Key.Values, want.Key.Values) || !same(got.Momentum, want.Momentum) ||
				!slices.Equal(got.Queue, want.Queue) || got.QueuePtr != want.QueuePtr {
				t.Errorf("%s, %s head: another state", name, head)
			}
			if o := got.Config.Optim; o.Momentum != want.Config.Optim.Momentum || o.WeightDecay != want.Config.Optim.WeightDecay || o.LR <= 0 {
				t.Errorf("%s, %s head: %+v, want the optimizer's settings", name, head, o)
			}
			if s := got.Query.Manifest.Source; s.Epoch != 3 || s.Step != 300 {
				t.Errorf("%s, %s head: %d epochs and %d steps, want 3 and 300", name, head, s.Epoch, s.Step)
			}
		}
	}
}

// A checkpoint that lacks something, or holds what this trainer does not do, is refused by name.
func TestLoadCheckpointRefuses(t *testing.T) {
	nan := safetensors.Tensor{Name: "x", DType: "F32", Shape: []int{8}, Data: float32Bytes(slices.Repeat([]float32{float32(math.NaN())}, 8))}
	for name, test := range map[string]struct {
		spoil func(*checkpointParts)
		kind  error
		want  string
	}{
		"no key encoder":     {func(p *checkpointParts) { drop(&p.state, mocoKey) }, ErrUnknown, "no encoder_k., want both"},
		"no queue":           {func(p *checkpointParts) { drop(&p.state, "module.queue") }, ErrUnknown, "no queue, queue_ptr"},
		"no encoder":         {func(p *checkpointParts) { drop(&p.state, "module.") }, ErrUnknown, "no encoder_q., encoder_k., queue, queue_ptr"},
		"half an encoder":    {func(p *checkpointParts) { drop(&p.state, mocoKey+"layer2") }, ErrUnknown, "the key encoder"},
		"no head":            {func(p *checkpointParts) { drop(&p.state, mocoQuery+"fc"); drop(&p.state, mocoKey+"fc") }, ErrUnknown, "with a head"},
		"a queue of another": {func(p *checkpointParts) { put(&p.state, "module.queue", nan) }, ErrUnknown, "module.queue is F32[8]"},
		"a pointer outside": {func(p *checkpointParts) {
			put(&p.state, "module.queue_ptr", safetensors.Tensor{DType: "I64", Shape: []int{1}, Data: []byte{6, 0, 0, 0, 0, 0, 0, 0}})
		}, ErrUnknown, "queue_ptr is 6, want 0 to 5"},
		"a negative pointer": {func(p *checkpointParts) {
			put(&p.state, "module.queue_ptr", safetensors.Tensor{DType: "I64", Shape: []int{1}, Data: []byte("\xff\xff\xff\xff\xff\xff\xff\xff")})
		}, ErrUnknown, "queue_ptr is -1"},
		"a queue that is none": {func(p *checkpointParts) {
			queue := nan
			queue.Shape, queue.Data = []int{8, 1}, nan.Data
			put(&p.state, "module.queue", queue)
			put(&p.state, "module.queue_ptr", safetensors.Tensor{DType: "I64", Shape: []int{1}, Data: make([]byte, 8)})
		}, ErrSpoilt, "queue has NaN"},
		"no epoch":           {func(p *checkpointParts) { drop(&p.root, "epoch") }, ErrUnknown, "no epoch"},
		"an endless epoch":   {func(p *checkpointParts) { put(&p.root, "epoch", 1<<60) }, ErrUnknown, "no epoch"},
		"an epoch as text":   {func(p *checkpointParts) { put(&p.root, "epoch", "7") }, ErrUnknown, "no epoch"},
		"no buffers":         {func(p *checkpointParts) { put(&p.optimizer, "state", pickle.Dict{}) }, ErrUnknown, "no momentum_buffer of conv1.weight"},
		"no state":           {func(p *checkpointParts) { drop(&p.optimizer, "state") }, ErrUnknown, "want torch's SGD"},
		"another optimizer":  {func(p *checkpointParts) { drop(&p.group, "momentum") }, ErrUnknown, "its momentum is no number"},
		"Nesterov":           {func(p *checkpointParts) { put(&p.group, "nesterov", true) }, ErrUnknown, "nesterov=true, want false"},
		"dampening":          {func(p *checkpointParts) { put(&p.group, "dampening", 0.5) }, ErrUnknown, "dampening=0.5"},
		"a rate of NaN":      {func(p *checkpointParts) { put(&p.group, "lr", math.NaN()) }, ErrUnknown, "its lr is no number"},
		"too few parameters": {func(p *checkpointParts) { put(&p.group, "params", pickle.List{0, 1}) }, ErrUnknown, "2 parameters, want the"},
		"another order":      {func(p *checkpointParts) { put(&p.group, "params", pickle.List{1, 0, 2, 3}) }, ErrUnknown, "the momentum of conv1.weight is F32[4], want"},
		"buffers of NaN": {func(p *checkpointParts) {
			bn := nan
			bn.Shape, bn.Data = []int{4}, nan.Data[:16]
			state, _ := p.optimizer.Get("state")
			state.(pickle.Dict)[1].Value = pickle.Dict{{Key: "momentum_buffer", Value: bn}}
		}, ErrSpoilt, "the momentum of bn1.weight has NaN"},
	} {
		p := partsOf(t, tinyRun(tiny(resnet.HeadLinear)))
		test.spoil(p)
		path := p.write(t)
		if _, err := LoadCheckpoint(path); !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want %v and %q", name, err, test.kind, test.want)
		}
	}
}
