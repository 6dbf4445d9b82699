package xla

import (
	"regexp"
	"strings"
	"testing"
)

var locations = regexp.MustCompile(` loc\("[^"]*"\)`)

// Matrix products are exact but for those that prepare images, which are exact where asked for, as convolutions are; what is
// not a product of float32 stays as it is.
func TestSetPrecision(t *testing.T) {
	const program = `module @step {
  func.func @main(%arg0: tensor<4x3xf32>, %arg1: IMAGES, %_query_conv1_weight: tensor<3x2xf32>, %_query_fc_weight: tensor<3x2xf32>) -> tensor<f32> {
    %0 = "stablehlo.dot_general"(%arg0, %arg0) {
      precision_config = [#stablehlo<precision A>, #stablehlo<precision A>]
    } : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x4xf32>
    %1 = "stablehlo.convolution"(%0, %_query_conv1_weight) {
      precision_config = [#stablehlo<precision C>, #stablehlo<precision C>],
      window_strides = array<i64: 1, 1>
    } : (tensor<4x3x1x1xf32>, tensor<3x2x1x1xf32>) -> tensor<4x2x1x1xf32>
    %2 = "stablehlo.convolution"(%0, %_query_conv1_weight) {
      precision_config = [#stablehlo<precision DEFAULT>, #stablehlo<precision DEFAULT>]
    } : (tensor<4x3x1x1xbf16>, tensor<3x2x1x1xbf16>) -> tensor<4x2x1x1xbf16>
    %3 = "stablehlo.dot_general"(%1, %_query_fc_weight) { note = "#stablehlo<precision HIGH>", precision_config = [#stablehlo<precision B>, #stablehlo<precision B>] } : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32>
    %4 = "stablehlo.add"(%3, %3) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
    "stablehlo.return"(%4) : (tensor<f32>) -> ()
  }
}
`
	for _, test := range []struct {
		images              string
		exact               bool
		inputs, convolution string
	}{
		{"tensor<4x8x8x3xui8>", false, "DEFAULT", "DEFAULT"},
		{"tensor<4x8x8x3xui8>", true, "HIGHEST", "HIGHEST"},
		{"tensor<4x8x8x3xf32>", false, "HIGHEST", "DEFAULT"},
		{"tensor<ui8>", false, "HIGHEST", "DEFAULT"},
	} {
		with := func(inputs, convolution, parameters string) string {
			return strings.NewReplacer("IMAGES", test.images, "precision A", "precision "+inputs, "precision B", "precision "+parameters,
				"precision C", "precision "+convolution).Replace(program)
		}
		want := with(test.inputs, test.convolution, "HIGHEST")
		for _, before := range []string{"DEFAULT", "HIGH", "HIGHEST"} {
			got := locations.ReplaceAllString(prepared(t, with(before, before, before), test.exact), "")
			if got != want {
				t.Errorf("%s, exact %t, from %s: got\n%s\nwant\n%s", test.images, test.exact, before, got, want)
			}
		}
	}
}
