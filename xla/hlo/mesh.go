package hlo

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mocotpu/mocotpu/xla/internal/hlopb"
)

// A part is a factor of a mesh's axis: the devices along the axis are numbered with pre as the stride of the factors
// before it.
type part struct{ axis, pre int64 }

// meshGroups lists the groups whose devices differ in the named axes of a mesh only. An axis may be split into factors,
// and some of them named: the axes are split at the bounds that the names use, then the named factors moved to the end.
func meshGroups(p *hlopb.MeshAxesReplicaGroupListProto) ([][]int64, error) {
	dims, at, err := splitAxes(p)
	if err != nil {
		return nil, fmt.Errorf("mesh groups: %w", err)
	}
	axes := p.GetMesh().GetAxes()
	var named []int64
	group := int64(1)
	for _, ref := range p.GetAxes() {
		first, size := subAxis(ref)
		if size == 0 {
			size = axes[ref.GetMeshAxisIndex()].GetSize()
		}
		for pre := first; pre < first*size; {
			d, ok := at[part{ref.GetMeshAxisIndex(), pre}]
			if !ok {
				return nil, fmt.Errorf("mesh groups: axis %d has no part at %d", ref.GetMeshAxisIndex(), pre)
			}
			named = append(named, int64(d))
			group *= dims[d]
			pre *= dims[d]
		}
	}
	var perm []int64
	for d := range dims {
		if !slices.Contains(named, int64(d)) {
			perm = append(perm, int64(d))
		}
	}
	ids, err := transposed(dims, append(perm, named...))
	if err != nil {
		return nil, fmt.Errorf("mesh groups: %w", err)
	}
	if devices := p.GetMesh().GetDeviceIds(); len(devices) == len(ids) {
		for i, id := range ids {
			ids[i] = devices[id]
		}
	}
	return cut(ids, int(group)), nil
}

// splitAxes returns the factors of all axes in order, and where each stands among them.
func splitAxes(p *hlopb.MeshAxesReplicaGroupListProto) (dims []int64, at map[part]int, err error) {
	axes := p.GetMesh().GetAxes()
	cuts := make([]map[int64]bool, len(axes))
	for axis, a := range axes {
		if a.GetSize() < 1 || a.GetSize() > maxDevices {
			return nil, nil, fmt.Errorf("axis %d has size %d, want 1 to %d", axis, a.GetSize(), maxDevices)
		}
		cuts[axis] = map[int64]bool{a.GetSize(): true}
	}
	for _, ref := range p.GetAxes() {
		axis := ref.GetMeshAxisIndex()
		if axis < 0 || axis >= int64(len(axes)) {
			return nil, nil, fmt.Errorf("axis %d of %d", axis, len(axes))
		}
		first, size := subAxis(ref)
		if first > maxDevices || size < 0 || size > maxDevices {
			return nil, nil, fmt.Errorf("axis %d is split at %d and %d times that, want at most %d", axis, first, size, maxDevices)
		}
		if size > 0 {
			cuts[axis][first], cuts[axis][first*size] = true, true
		}
	}
	at = map[part]int{}
	for axis, a := range axes {
		last := int64(1)
		for _, pre := range slices.Sorted(maps.Keys(cuts[axis])) {
			if pre == 1 || pre > a.GetSize() {
				continue
			}
			if pre%last != 0 {
				return nil, nil, fmt.Errorf("axis %d of size %d is split at %d and %d", axis, a.GetSize(), last, pre)
			}
			at[part{int64(axis), last}] = len(dims)
			dims = append(dims, pre/last)
			last = pre
		}
	}
	return dims, at, nil
}

// subAxis is the part of an axis that a name means: the product of the factors before it, and its size, 0 for all.
func subAxis(ref *hlopb.AxisRefProto) (pre, size int64) {
	return max(1, ref.GetSubAxisInfo().GetPreSize()), ref.GetSubAxisInfo().GetSize()
}
