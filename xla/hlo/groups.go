package hlo

import (
	"errors"
	"fmt"

	"github.com/mocotpu/mocotpu/xla/internal/hlopb"
)

// Replica groups come in three forms: spelled out, as a reshaped and transposed iota, and as axes of a mesh. All are read
// as lists of device numbers.

const (
	maxDevices = 1 << 20 // of a program
	maxSpelled = 1 << 24 // device numbers of a module's groups together, for the last two forms are short and their lists long
)

// groups reads the replica groups of a collective, in whichever form they are.
func (r *reader) groups(p *hlopb.HloInstructionProto) (groups [][]int64, err error) {
	list := p.GetCollectiveDeviceList()
	iota := p.GetIotaCollectiveDeviceList()
	if iota == nil {
		iota = list.GetIotaReplicaGroupList()
	}
	switch {
	case iota != nil:
		groups, err = iotaGroups(iota)
	case p.GetMeshAxesReplicaGroupList() != nil:
		groups, err = meshGroups(p.GetMeshAxesReplicaGroupList())
	default:
		for _, g := range append(p.GetReplicaGroups(), list.GetReplicaGroups()...) {
			groups = append(groups, g.GetReplicaIds())
		}
	}
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		r.spelled -= len(g)
	}
	if r.spelled < 0 {
		return nil, fmt.Errorf("groups: more than %d devices in the module's groups together", maxSpelled)
	}
	return groups, nil
}

// iotaGroups lists device numbers 0..n-1 in a box, its axes permuted, cut into groups.
func iotaGroups(p *hlopb.IotaReplicaGroupListProto) ([][]int64, error) {
	perm := make([]int64, 0, len(p.GetIotaTransposePerm()))
	for _, axis := range p.GetIotaTransposePerm() {
		perm = append(perm, int64(axis))
	}
	ids, err := transposed(p.GetIotaReshapeDims(), perm)
	if err != nil {
		return nil, fmt.Errorf("iota groups: %w", err)
	}
	groups, size, n := p.GetNumReplicaGroups(), p.GetNumDevicesPerGroup(), int64(len(ids))
	if size < 1 || size > n || groups != n/size || n%size != 0 {
		return nil, fmt.Errorf("iota groups: %d groups of %d, of %d devices", groups, size, n)
	}
	return cut(ids, int(size)), nil
}

// transposed lists 0..n-1, laid out in a box of the given dimensions, in the order of the permuted axes.
func transposed(dims, perm []int64) ([]int64, error) {
	n := int64(1)
	for _, d := range dims {
		if d < 1 || d > maxDevices/n {
			return nil, fmt.Errorf("dimensions %v, want at most %d devices", dims, maxDevices)
		}
		n *= d
	}
	strides := make([]int64, len(dims))
	stride := int64(1)
	for i := len(dims) - 1; i >= 0; i-- {
		strides[i] = stride
		stride *= dims[i]
	}
	if len(perm) == 0 {
		for i := range dims {
			perm = append(perm, int64(i))
		}
	}
	if len(perm) != len(dims) {
		return nil, errors.New("as many axes as dimensions are wanted in the permutation")
	}
	ids := []int64{0}
	seen := map[int64]bool{}
	for _, p := range perm {
		if p < 0 || p >= int64(len(dims)) || seen[p] {
			return nil, fmt.Errorf("%v is no permutation of %d axes", perm, len(dims))
		}
		seen[p] = true
		next := make([]int64, 0, int64(len(ids))*dims[p])
		for _, id := range ids {
			for k := range dims[p] {
				next = append(next, id+k*strides[p])
			}
		}
		ids = next
	}
	return ids, nil
}

// cut splits ids into groups of the given size.
func cut(ids []int64, size int) [][]int64 {
	var groups [][]int64
	for len(ids) > 0 && size > 0 {
		groups = append(groups, ids[:size:size])
		ids = ids[size:]
	}
	return groups
}
