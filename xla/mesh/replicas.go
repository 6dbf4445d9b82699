package mesh

import (
	"bytes"
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/ml/model"
)

// CheckReplicas compares every device's copy of a replicated variable with the first device's, of this process, and
// returns an error where one differs in a bit: a step that computes on each device what it should compute once.
func (m *Mesh) CheckReplicas(v *model.Variable) error {
	if m.devices == 1 {
		return nil
	}
	d, err := v.DistributedValue()
	if err != nil {
		return fmt.Errorf("mesh: reading %s: %w", v.Path(), err)
	}
	var first []byte
	for i, shard := range d.Shards()[m.first : m.first+m.local] {
		device := m.first + i
		flat := dtypes.MakeAnySlice(v.DType(), v.Shape().Size())
		if err := m.copyTensor(flat, shard); err != nil {
			return fmt.Errorf("mesh: reading %s of device %d: %w", v.Path(), device, err)
		}
		raw := dtypes.UnsafeByteSliceFromAny(flat)
		if i == 0 {
			first = raw
			continue
		}
		if !bytes.Equal(raw, first) {
			size := len(raw) / v.Shape().Size()
			at := 0
			for raw[at] == first[at] {
				at++
			}
			at /= size
			return fmt.Errorf("mesh: %s[%d] is %x on device %d, want the %x of device %d: replicas have drifted apart",
				v.Path(), at, raw[at*size:(at+1)*size], device, first[at*size:(at+1)*size], m.first)
		}
	}
	return nil
}
