package xla

import (
	"regexp"
	"strings"
)

// How exactly the operands of a float32 product are multiplied is an attribute of each convolution and matrix product:
// DEFAULT lets a GPU's tensor cores round them to TF32 (10 bits of mantissa) and a TPU's matrix unit to bfloat16,
// HIGHEST keeps float32. GoMLX's graph has no word for it, so it is put into the text. Sums are float32 in any case.

var (
	product         = regexp.MustCompile(`^    %\w+ = "stablehlo\.(convolution|dot_general)"\(`)
	float32Operands = regexp.MustCompile(` : \(tensor<(?:\d+x)*f32>, tensor<(?:\d+x)*f32>\) -> .* loc\("([^"]*)"\)$`)
	precisionOf     = regexp.MustCompile(`#stablehlo<precision \w+>`)
)

// setPrecision sets the precision of every product of float32 in a text that locate has named. Matrix products with
// parameters are exact: in an encoder those are its head and the logits, which are small and the loss hangs on.
// Convolutions, and what prepares the inputs for them, are exact where asked for.
func setPrecision(text string, exact bool) string {
	var out strings.Builder
	out.Grow(len(text))
	lines := strings.SplitAfter(text, "\n")
	for i := 0; i < len(lines); {
		end := i + 1
		if found := product.FindStringSubmatch(lines[i]); found != nil {
			for end < len(lines) && !nextOperation.MatchString(lines[end]) {
				end++
			}
			operands := float32Operands.FindStringSubmatch(strings.TrimSuffix(lines[end-1], "\n"))
			if operands != nil {
				precision := "#stablehlo<precision DEFAULT>"
				if exact || found[1] == "dot_general" && !strings.HasPrefix(operands[1], inputLayer+"/") {
					precision = "#stablehlo<precision HIGHEST>"
				}
				for j := i; j < end; j++ {
					lines[j] = precisionOf.ReplaceAllLiteralString(lines[j], precision)
				}
			}
		}
		for ; i < end; i++ {
			out.WriteString(lines[i])
		}
	}
	return out.String()
}
