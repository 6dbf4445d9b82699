// Package convert writes trained encoders as other software reads them, and reads those of other software.
//
//	safetensors  torchvision's names and layouts, F32 or BF16; what encoder.Load opens
//	moco         facebookresearch/moco's checkpoint: both encoders, the queue, the optimizer
//	detectron2   the trunk, by detectron2's names
//	onnx         a program with its weights, for ONNX Runtime and others
//	stablehlo    a program as text and its weights, for XLA's clients
//	timm         a folder for timm and the Hugging Face Hub: configuration, trunk, model card
//
// Every export is written under a temporary name, read back, compared with what was meant, and then renamed; a manifest
// beside it says what it is and what images must look like.
//
// # Errors
//
// Everything returns errors. [ErrUnsupported] marks what a format cannot hold, and [ErrUnknown] a file to import that is
// not a known ResNet.
package convert
