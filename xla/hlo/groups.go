package hlo

import (
	"errors"
	"fmt"
)

// Replica groups come in three forms: spelled out, as a reshaped and transposed iota, and as axes of a mesh. All are read
// as lists of device numbers.

// maxDevices bounds what is spelled out, against damaged programs.
const maxDevices = 1 << 20

// readGroup reads a ReplicaGroup.
func readGroup(b []byte) ([]int64, error) {
	var ids []int64
	err := fields(b, func(f field) (err error) {
		if f.num == 1 {
			ids, err = appendInts(ids, f)
		}
		return err
	})
	return ids, within("replica group", err)
}

// readDeviceList reads a CollectiveDeviceListProto, whose field 2 is the iota form in older programs.
func readDeviceList(b []byte) ([][]int64, error) {
	var groups [][]int64
	err := fields(b, func(f field) (err error) {
		switch f.num {
		case 1:
			var g []int64
			g, err = readGroup(f.bytes)
			groups = append(groups, g)
		case 2:
			groups, err = readIota(f.bytes)
		}
		return err
	})
	return groups, within("device list", err)
}

// readIota reads an IotaReplicaGroupListProto: device numbers 0..n-1 in a box of the given dimensions, its axes
// permuted, then cut into groups.
func readIota(b []byte) ([][]int64, error) {
	var groups, size int64
	var dims, perm []int64
	err := fields(b, func(f field) (err error) {
		switch f.num {
		case 1:
			groups = int64(f.varint)
		case 2:
			size = int64(f.varint)
		case 3:
			dims, err = appendInts(dims, f)
		case 4:
			perm, err = appendInts(perm, f)
		}
		return err
	})
	if err != nil {
		return nil, within("iota groups", err)
	}
	ids, err := transposed(dims, perm)
	if err != nil {
		return nil, within("iota groups", err)
	}
	if groups*size != int64(len(ids)) {
		return nil, fmt.Errorf("iota groups: %d groups of %d, of %d devices", groups, size, len(ids))
	}
	return cut(ids, int(size)), nil
}

// readMeshAxes reads a MeshAxesReplicaGroupListProto: the devices of a group differ in the named axes only. An axis may
// be split, with a part of it named.
func readMeshAxes(b []byte) ([][]int64, error) {
	var sizes, devices []int64
	type axisRef struct{ axis, pre, size int64 }
	var refs []axisRef
	err := fields(b, func(f field) error {
		switch f.num {
		case 1: // the mesh
			return fields(f.bytes, func(f field) (err error) {
				switch f.num {
				case 1: // an axis
					return fields(f.bytes, func(f field) error {
						if f.num == 2 {
							sizes = append(sizes, int64(f.varint))
						}
						return nil
					})
				case 2:
					devices, err = appendInts(devices, f)
				}
				return err
			})
		case 2: // an axis of the groups
			r := axisRef{pre: 1}
			err := fields(f.bytes, func(f field) error {
				switch f.num {
				case 1:
					r.axis = int64(f.varint)
				case 2:
					return fields(f.bytes, func(f field) error {
						if f.num == 1 {
							r.pre = int64(f.varint)
						} else if f.num == 2 {
							r.size = int64(f.varint)
						}
						return nil
					})
				}
				return nil
			})
			refs = append(refs, r)
			return err
		}
		return nil
	})
	if err != nil {
		return nil, within("mesh groups", err)
	}
	// Split the axes at the bounds that the references use, then move the named parts to the end.
	type part struct{ axis, pre int64 }
	var dims []int64
	at := map[part]int{}
	for axis, size := range sizes {
		cuts := map[int64]bool{1: true, size: true}
		for _, r := range refs {
			if r.axis == int64(axis) && r.size > 0 {
				cuts[r.pre], cuts[r.pre*r.size] = true, true
			}
		}
		last := int64(1)
		for pre := int64(2); pre <= size && size <= maxDevices; pre++ {
			if cuts[pre] {
				if pre%last != 0 {
					return nil, fmt.Errorf("mesh groups: axis %d of size %d is split at %d and %d", axis, size, last, pre)
				}
				at[part{int64(axis), last}] = len(dims)
				dims = append(dims, pre/last)
				last = pre
			}
		}
	}
	var named []int64
	group := int64(1)
	isNamed := map[int64]bool{}
	for _, r := range refs {
		if r.axis < 0 || r.axis >= int64(len(sizes)) {
			return nil, fmt.Errorf("mesh groups: axis %d of %d", r.axis, len(sizes))
		}
		want := r.size
		if want == 0 {
			want = sizes[r.axis]
		}
		for pre := r.pre; pre < r.pre*want; {
			d, ok := at[part{r.axis, pre}]
			if !ok {
				return nil, fmt.Errorf("mesh groups: axis %d has no part at %d", r.axis, pre)
			}
			named = append(named, int64(d))
			isNamed[int64(d)] = true
			group *= dims[d]
			pre *= dims[d]
		}
	}
	var perm []int64
	for d := range dims {
		if !isNamed[int64(d)] {
			perm = append(perm, int64(d))
		}
	}
	ids, err := transposed(dims, append(perm, named...))
	if err != nil {
		return nil, within("mesh groups", err)
	}
	if len(devices) == len(ids) {
		for i, id := range ids {
			ids[i] = devices[id]
		}
	}
	return cut(ids, int(group)), nil
}

// transposed lists 0..n-1, laid out in a box of the given dimensions, in the order of the permuted axes.
func transposed(dims, perm []int64) ([]int64, error) {
	n := int64(1)
	for _, d := range dims {
		if d < 1 || n*d > maxDevices {
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
