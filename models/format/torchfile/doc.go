// Package torchfile reads and writes the files of torch.save, such as facebookresearch/moco's .pth.tar: a pickle beside
// the tensors' data. The pickle is read by package pickle, which executes nothing; only tensors and plain data are taken.
//
// Both of torch's formats are read, the zip archive and the one before torch 1.6; the zip archive is written.
//
// # Errors
//
// Everything returns errors. What is no file of torch.save is [ErrFormat]; one that holds more than tensors and plain
// data is pickle.ErrRefused.
package torchfile

import (
	"errors"

	"github.com/mocotpu/mocotpu/models/format/pickle"
)

// ErrFormat says that a file is not one of torch.save, or damaged.
var ErrFormat = errors.New("not a file of torch.save, or damaged")

var (
	rebuildTensor    = pickle.Global{Module: "torch._utils", Name: "_rebuild_tensor_v2"}
	rebuildParameter = pickle.Global{Module: "torch._utils", Name: "_rebuild_parameter"}
	orderedDict      = pickle.Global{Module: "collections", Name: "OrderedDict"}
)

// storages are torch's classes of storage, by the safetensors name of what they hold.
var storages = map[string]pickle.Global{
	"F64": {Module: "torch", Name: "DoubleStorage"}, "F32": {Module: "torch", Name: "FloatStorage"},
	"F16": {Module: "torch", Name: "HalfStorage"}, "BF16": {Module: "torch", Name: "BFloat16Storage"},
	"I64": {Module: "torch", Name: "LongStorage"}, "I32": {Module: "torch", Name: "IntStorage"},
	"I16": {Module: "torch", Name: "ShortStorage"}, "I8": {Module: "torch", Name: "CharStorage"},
	"U8": {Module: "torch", Name: "ByteStorage"}, "BOOL": {Module: "torch", Name: "BoolStorage"},
}

// width is the size of an element in bytes.
var width = map[string]int{"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}

// allowed are the functions and classes that a file may name.
func allowed() []pickle.Global {
	all := []pickle.Global{rebuildTensor, rebuildParameter}
	for _, s := range storages {
		all = append(all, s)
	}
	return all
}
