package convert

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/mocotpu/mocotpu/models/format/pickle"
	"github.com/mocotpu/mocotpu/models/format/safetensors"
	"github.com/mocotpu/mocotpu/models/resnet"
	"github.com/mocotpu/mocotpu/xla/host/regular"
)

// numpyArray is numpy.ndarray(shape, dtype, buffer); a bytearray makes an array that can be written to.
var (
	numpyArray = pickle.Global{Module: "numpy", Name: "ndarray"}
	byteArray  = pickle.Global{Module: "builtins", Name: "bytearray"}
)

// numpyTypes are NumPy's names of the types that a state_dict has.
var numpyTypes = map[string]string{"F32": "<f4", "I64": "<i8"}

// detectron2Format is what facebookresearch/moco's converter makes of a checkpoint, for detectron2's MODEL.WEIGHTS: the
// trunk's arrays under detectron2's names. The head stays behind, for which detectron2 has no place.
func detectron2Format(s Source, _ Options, m *Manifest) ([]artifact, error) {
	trunk := s.Encoder.Trunk()
	if n := trunk.Manifest.Network; n.Stem != resnet.StemImageNet {
		return nil, fmt.Errorf("%w: its ResNets have the stem %q, not %q", ErrUnsupported, resnet.StemImageNet, n.Stem)
	}
	m.Encoder = trunk.Manifest
	tensors, err := trunk.StateDict("F32")
	if err != nil {
		return nil, err
	}
	m.Tensors = len(tensors)
	var model pickle.Dict
	for i := range tensors {
		t := &tensors[i]
		t.Name = detectron2Name(t.Name)
		model = append(model, pickle.Entry{Key: t.Name, Value: lowerArray(*t)})
	}
	root := pickle.Dict{
		{Key: "model", Value: model},
		{Key: "__author__", Value: "MOCO"},
		{Key: "matching_heuristics", Value: true},
	}
	return []artifact{{
		write:  func(w io.Writer) error { return pickle.Write(w, 3, root) },
		verify: func(path string) error { return verifyArrays(path, tensors) },
	}}, nil
}

// detectron2Name is detectron2's name of a torchvision tensor.
func detectron2Name(name string) string {
	if !strings.HasPrefix(name, "layer") {
		name = "stem." + name
	}
	return strings.NewReplacer(
		"layer1", "res2", "layer2", "res3", "layer3", "res4", "layer4", "res5",
		"bn1", "conv1.norm", "bn2", "conv2.norm", "bn3", "conv3.norm",
		"downsample.0", "shortcut", "downsample.1", "shortcut.norm",
	).Replace(name)
}

func lowerArray(t safetensors.Tensor) pickle.Call {
	shape := make(pickle.Tuple, len(t.Shape))
	for i, n := range t.Shape {
		shape[i] = n
	}
	buffer := pickle.Call{Func: byteArray, Args: pickle.Tuple{t.Data}}
	return pickle.Call{Func: numpyArray, Args: pickle.Tuple{shape, numpyTypes[t.DType], buffer}}
}

// verifyArrays compares the file's arrays with the tensors.
func verifyArrays(path string, want []safetensors.Tensor) error {
	f, err := regular.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	root, err := pickle.Read(bufio.NewReader(f), []pickle.Global{numpyArray, byteArray})
	if err != nil {
		return err
	}
	dict, _ := root.(pickle.Dict)
	inner, _ := dict.Get("model")
	model, _ := inner.(pickle.Dict)
	var got []safetensors.Tensor
	for _, e := range model {
		t, err := raiseArray(e)
		if err != nil {
			return err
		}
		got = append(got, t)
	}
	return sameTensors(got, want)
}

// raiseArray is the inverse of lowerArray.
func raiseArray(e pickle.Entry) (t safetensors.Tensor, err error) {
	call, isCall := e.Value.(pickle.Call)
	if !isCall || call.Func != numpyArray || len(call.Args) != 3 {
		return t, fmt.Errorf("%v is a %T, want an array", e.Key, e.Value)
	}
	t.Name, _ = e.Key.(string)
	shape, _ := call.Args[0].(pickle.Tuple)
	t.Shape = make([]int, len(shape))
	for i, n := range shape {
		t.Shape[i], _ = n.(int)
	}
	for dtype, name := range numpyTypes {
		if name == call.Args[1] {
			t.DType = dtype
		}
	}
	if buffer, ok := call.Args[2].(pickle.Call); ok && buffer.Func == byteArray && len(buffer.Args) == 1 {
		t.Data, _ = buffer.Args[0].([]byte)
	}
	return t, nil
}
