package convert

import "github.com/mocotpu/mocotpu/models/encoder"

const manifestSuffix = ".json"

// Manifest stands beside an export, as JSON.
type Manifest struct {
	Format string `json:"format"`
	// Encoder says what the encoder is, and how images become its input.
	Encoder encoder.Manifest `json:"encoder"`
	// Tensors is the number of tensors that are the encoder's, or the checkpoint's.
	Tensors int `json:"tensors"`
	// Opset is ONNX's version of the operators; 0 in other formats.
	Opset int `json:"opset,omitempty"`
	// Inputs and Outputs are the program's, in order; none where the format is weights alone. Weights names the tensors
	// of the weights' file that a stablehlo program takes after its inputs.
	Inputs  []Value  `json:"inputs,omitempty"`
	Outputs []Value  `json:"outputs,omitempty"`
	Weights []string `json:"weights,omitempty"`
	Files   []File   `json:"files"`
	// Notes tell the user what the other software needs to be told, a line each.
	Notes []string `json:"notes,omitempty"`
}

// Value is an input or output of a program. A dimension of -1 is free.
type Value struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
	// Meaning is for people.
	Meaning string `json:"meaning"`
}

// File is one file of the export, beside the manifest.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// colours names the channels of a network's images.
func colours(n encoder.Network) string {
	if n.Channels == 1 {
		return "gray"
	}
	return "RGB"
}

// Names of a program's values, and what they are.
const (
	programImages      = "images"
	programFeatures    = "features"
	programProjections = "projections"

	meaningFeatures    = "the trunk's pooled features"
	meaningProjections = "the head's output, rows of unit length"
)
