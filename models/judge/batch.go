package judge

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/mocotpu/mocotpu/xla/mesh"
)

// tensorOf makes a tensor whose flat values fill writes; they start as zeros, which is what padding is.
func tensorOf[T int32 | float32 | uint8](dtype dtypes.DType, fill func(flat []T), dims ...int) (*tensors.Tensor, error) {
	t := tensors.FromShape(shapes.Make(dtype, dims...))
	if err := tensors.MutableFlatData(t, fill); err != nil {
		return nil, fmt.Errorf("judge: making a batch: %w", err)
	}
	return t, nil
}

// targets are the labels of rows and their weights, 1 for the rows and 0 for the padding up to batch.
func targets(labels []int32, batch int) ([]*tensors.Tensor, error) {
	of, err := tensorOf(dtypes.Int32, func(flat []int32) {
		copy(flat, labels)
	}, batch)
	if err != nil {
		return nil, err
	}
	valid, err := tensorOf(dtypes.Float32, func(flat []float32) {
		for i := range labels {
			flat[i] = 1
		}
	}, batch)
	return []*tensors.Tensor{of, valid}, err
}

// targetShapes are those of targets.
func targetShapes(batch int) []shapes.Shape {
	return []shapes.Shape{shapes.Make(dtypes.Int32, batch), shapes.Make(dtypes.Float32, batch)}
}

// result runs a program of one float32 output and returns that, flat.
func result(p *mesh.Program, args ...*tensors.Tensor) ([]float32, error) {
	out, err := p.Run(args...)
	if err != nil {
		return nil, err
	}
	return floats(out[0])
}

// floats copies a float32 tensor and frees it.
func floats(t *tensors.Tensor) ([]float32, error) {
	defer t.FinalizeAll()
	var values []float32
	err := tensors.ConstFlatData(t, func(flat []float32) { values = append(values, flat...) })
	if err != nil {
		return nil, fmt.Errorf("judge: reading a result: %w", err)
	}
	return values, nil
}

// sequence is 0 to n-1.
func sequence(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
