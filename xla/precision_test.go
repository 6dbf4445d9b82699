package xla

import (
	"regexp"
	"strings"
	"testing"
)

var locations = regexp.MustCompile(` loc\("[^"]*"\)`)

// Products with parameters are exact, the others where asked for; what is not a product of float32 stays as it is.
func TestSetPrecision(t *testing.T) {
	const program = `module @step {
  func.func @main(%arg0: tensor<4x3xf32>, %_query_conv1_weight: tensor<3x2xf32>, %_query_fc_weight: tensor<3x2xf32>) -> tensor<f32> {
    %0 = "stablehlo.dot_general"(%arg0, %arg0) {
      precision_config = [#stablehlo<precision A>, #stablehlo<precision A>]
    } : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x4xf32>
    %1 = "stablehlo.convolution"(%0, %_query_conv1_weight) {
      precision_config = [#stablehlo<precision A>, #stablehlo<precision A>],
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
	for exact, views := range map[bool]string{false: "DEFAULT", true: "HIGHEST"} {
		want := strings.NewReplacer("precision A", "precision "+views, "precision B", "precision HIGHEST").Replace(program)
		for _, before := range []string{"DEFAULT", "HIGH", "HIGHEST"} {
			text := strings.NewReplacer("precision A", "precision "+before, "precision B", "precision "+before).Replace(program)
			got := locations.ReplaceAllString(prepared(t, text, exact), "")
			if got != want {
				t.Errorf("exact %t, from %s: got\n%s\nwant\n%s", exact, before, got, want)
			}
		}
	}
}
