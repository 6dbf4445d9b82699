package encoder

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/mocotpu/mocotpu/models/format/safetensors"
)

// decode returns the elements of a float32 or bfloat16 tensor.
func decode(t safetensors.Tensor) ([]float32, error) {
	switch t.DType {
	case "F32":
		values := make([]float32, len(t.Data)/4)
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
		return values, nil
	case "BF16":
		values := make([]float32, len(t.Data)/2)
		for i := range values {
			values[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(t.Data[2*i:])) << 16)
		}
		return values, nil
	}
	return nil, fmt.Errorf("tensor %q is %s, want F32 or BF16", t.Name, t.DType)
}

// encode is the inverse; bfloat16 is rounded to nearest, ties to even.
func encode(values []float32, dtype string) ([]byte, error) {
	switch dtype {
	case "F32":
		data := make([]byte, 0, 4*len(values))
		for _, v := range values {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		return data, nil
	case "BF16":
		data := make([]byte, 0, 2*len(values))
		for _, v := range values {
			data = binary.LittleEndian.AppendUint16(data, bfloat16(v))
		}
		return data, nil
	}
	return nil, fmt.Errorf("type %q, want F32 or BF16", dtype)
}

func bfloat16(v float32) uint16 {
	bits := math.Float32bits(v)
	if v != v {
		return uint16(bits>>16 | 1<<6) // rounding could carry a NaN into an infinity
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

func appendInt64(data []byte, v int64) []byte {
	return binary.LittleEndian.AppendUint64(data, uint64(v))
}
