package cpuplugin_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
)

// What goes to a device comes back, byte by byte, in every type.
func TestEveryTypeThereAndBack(t *testing.T) {
	client := newClient(t, 1)
	for dtype, size := range map[dtypes.DType]int{
		dtypes.Bool: 1, dtypes.Int8: 1, dtypes.Int16: 2, dtypes.Int32: 4, dtypes.Int64: 8,
		dtypes.Uint8: 1, dtypes.Uint16: 2, dtypes.Uint32: 4, dtypes.Uint64: 8,
		dtypes.Float16: 2, dtypes.BFloat16: 2, dtypes.Float32: 4, dtypes.Float64: 8, dtypes.Complex64: 8, dtypes.Complex128: 16,
		dtypes.F8E5M2: 1, dtypes.F8E4M3FN: 1, dtypes.F8E4M3B11FNUZ: 1, dtypes.F8E5M2FNUZ: 1, dtypes.F8E4M3FNUZ: 1,
	} {
		want := make([]byte, 6*size)
		for i := range want {
			want[i] = byte(i % 2) // bytes that are valid in every type, Bool too
		}
		b, err := client.BufferFromHost().FromRawData(want, dtype, []int{2, 3}).Done()
		if err != nil {
			t.Errorf("%s: %v", dtype, err)
			continue
		}
		if got, err := b.DType(); err != nil || got != dtype {
			t.Errorf("%s: got type %s, %v", dtype, got, err)
		}
		if got, err := b.Dimensions(); err != nil || !slices.Equal(got, []int{2, 3}) {
			t.Errorf("%s: got dimensions %v, %v, want [2 3]", dtype, got, err)
		}
		got := make([]byte, len(want))
		if err := b.ToHost(got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", dtype, got, err, want)
		}
	}
}

func TestScalarAndEmpty(t *testing.T) {
	client := newClient(t, 1)
	if got := toHost[float32](t, fromHost(t, client, 0, []float32{42})); !slices.Equal(got, []float32{42}) {
		t.Errorf("scalar: got %v, want [42]", got)
	}
	empty, err := client.BufferFromHost().FromRawData([]byte{}, dtypes.Float32, []int{0, 3}).Done()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := empty.Dimensions(); err != nil || !slices.Equal(got, []int{0, 3}) {
		t.Errorf("empty: got dimensions %v, %v, want [0 3]", got, err)
	}
	if _, _, err := empty.ToFlatDataAndDimensions(); err != nil {
		t.Errorf("empty: %v", err)
	}
}

func TestCopyBetweenDevices(t *testing.T) {
	client := newClient(t, 8)
	device := client.AddressableDevices()[5]
	copied, err := fromHost(t, client, 2, []int32{1, 2, 3}, 3).CopyToDevice(device)
	if err != nil {
		t.Fatal(err)
	}
	if got := toHost[int32](t, copied); !slices.Equal(got, []int32{1, 2, 3}) {
		t.Errorf("got %v, want [1 2 3]", got)
	}
	if d, err := copied.Device(); err != nil || client.NumForDevice(d) != 5 {
		t.Errorf("got device %v, %v, want number 5", d, err)
	}
}

func TestBitcast(t *testing.T) {
	client := newClient(t, 1)
	b, err := fromHost(t, client, 0, []float32{1, -2}, 2).Bitcast(dtypes.Int32)
	if err != nil {
		t.Fatal(err)
	}
	want := []int32{0x3f800000, math.MinInt32 + 1<<30} // the bits of 1 and -2
	if got := toHost[int32](t, b); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A shared buffer is the host's own memory: a program sees what the host wrote there last.
func TestSharedBuffer(t *testing.T) {
	client := newClient(t, 1)
	b, flat, err := client.NewSharedBuffer(dtypes.Float32, []int{4})
	if err != nil {
		t.Fatal(err)
	}
	copy(flat.([]float32), []float32{1, 2, 3, 4})
	out, err := compile(t, client, 0, double).Execute(b).DonateNone().OnDeviceByNum(0).Done()
	if err != nil {
		t.Fatal(err)
	}
	if got := toHost[float32](t, out[0]); !slices.Equal(got, []float32{2, 4, 6, 8}) {
		t.Errorf("got %v, want [2 4 6 8]", got)
	}
	if err := b.Destroy(); err != nil {
		t.Error(err)
	}
}
