package xla

import (
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/xla/internal/stablehlo"
)

// precisionOf is the precision of an operation that locate has named, "" where there is none to set: it is no product, or
// not of float32.
//
// How exactly the operands of a float32 product are multiplied is an attribute of each convolution and matrix product:
// DEFAULT lets a GPU's tensor cores round them to TF32 (10 bits of mantissa) and a TPU's matrix unit to bfloat16,
// HIGHEST keeps float32. GoMLX's graph has no word for it, so it is put into the text. Sums are float32 in any case.
//
// Matrix products are exact: in an encoder those are its head and the logits, which are small and the loss hangs on, and
// a search for neighbours is nothing else. Convolutions, and what makes inputs for them of images, which are bytes, are
// exact where asked for.
func precisionOf(o stablehlo.Operation, name string, ofImages, exact bool) string {
	matrix := o.Name == "stablehlo.dot_general"
	if !matrix && o.Name != "stablehlo.convolution" {
		return ""
	}
	for _, typ := range o.Types {
		if typ != "tensor<f32>" && !strings.HasSuffix(typ, "xf32>") {
			return ""
		}
	}
	if exact || matrix && !(ofImages && strings.HasPrefix(name, InputLayer+"/")) {
		return "HIGHEST"
	}
	return "DEFAULT"
}

// takesImages tells whether a program has an argument of bytes.
func takesImages(args []stablehlo.Value) bool {
	return slices.ContainsFunc(args, func(a stablehlo.Value) bool { return strings.HasSuffix(a.Type, "xui8>") })
}
