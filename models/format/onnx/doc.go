// Package onnx writes and reads ONNX models: an inference graph of operators on float32 tensors, with its weights inside.
//
// The messages are those of ONNX's onnx.proto that such a model takes, generated from onnx.proto here (make generate).
// Names, numbers and types are ONNX's. They are registered as mocotpu.onnx, so that a program may hold ONNX's own beside
// them.
//
// # Errors
//
// Write fails with [ErrTooLarge] beyond 2 GiB, where protobuf ends, and, as Read does, on a graph that Check refuses.
// Read fails on bytes that are no ModelProto.
//
// # Determinism
//
// The same model is the same bytes.
package onnx
