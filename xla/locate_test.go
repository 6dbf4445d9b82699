package xla

import (
	"strings"
	"testing"
)

// Operations get the layer of the parameter that joined last, gradients are told from what they are the gradient of, and
// everything else of the text stays.
func TestLocate(t *testing.T) {
	const program = `module @step {
  func.func @main(%arg0: tensor<4x3xui8>, %_query_layer1_0_conv1_weight: tensor<3x2xf32> {tf.aliasing_output = 0 : i32}, %_query_bn1_running_mean: tensor<2xf32>, %_query_fc_weight: tensor<2x2xf32>, %_queue: tensor<8x2xf32>) -> tensor<f32> {
    %0 = "stablehlo.constant"() { value = dense<1.0> : tensor<f32> } : () -> tensor<f32> loc("constant")
    %1 = "stablehlo.convert"(%arg0) : (tensor<4x3xui8>) -> tensor<4x3xf32> loc("input/convert")
    %2 = "stablehlo.dot_general"(%1, %_query_layer1_0_conv1_weight) {
      dot_dimension_numbers = #stablehlo.dot<
  lhs_contracting_dimensions = [1],
>
    } : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32> loc("query.layer1.0.conv1/dot_general")
    %3 = "stablehlo.subtract"(%2, %_query_bn1_running_mean) : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32> loc("query.bn1/subtract")
    %4 = "stablehlo.maximum"(%3, %0) : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x2xf32> loc("query.bn1/maximum")
    %5 = "stablehlo.multiply"(%_query_fc_weight, %0) : (tensor<2x2xf32>, tensor<f32>) -> tensor<2x2xf32> loc("query.fc/multiply")
    %6 = "stablehlo.dot_general"(%4, %5) : (tensor<4x2xf32>, tensor<2x2xf32>) -> tensor<4x2xf32> loc("query.fc/dot_general")
    %7, %8 = "stablehlo.custom_call"(%6, %_queue) : (tensor<4x2xf32>, tensor<8x2xf32>) -> (tensor<4x8xf32>, tensor<f32>) loc("queue/custom_call")
    %9 = "stablehlo.reduce"(%8, %0) ({
      ^sum(%lhs: tensor<f32>, %rhs: tensor<f32>) :
          %64 = "stablehlo.add"(%lhs, %rhs) : (tensor<f32>, tensor<f32>) -> tensor<f32>
          "stablehlo.return"(%64) : (tensor<f32>) -> ()
    }) { dimensions = array<i64: 0> } : (tensor<f32>, tensor<f32>) -> tensor<f32> loc("queue/reduce")
    %10 = "stablehlo.dot_general"(%7, %_query_fc_weight) : (tensor<4x8xf32>, tensor<2x2xf32>) -> tensor<4x2xf32> loc("backward/query.fc/dot_general")
    %11 = "stablehlo.sign"(%3) : (tensor<4x2xf32>) -> tensor<4x2xf32> loc("query.bn1/sign")
    %12 = "stablehlo.multiply"(%11, %10) : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32> loc("backward/query.fc/multiply")
    %13 = "stablehlo.dot_general"(%12, %_query_layer1_0_conv1_weight) : (tensor<4x2xf32>, tensor<3x2xf32>) -> tensor<4x3xf32> loc("backward/query.layer1.0.conv1/dot_general")
    "stablehlo.return"(%9) : (tensor<f32>) -> ()
  }
}
`
	var plain strings.Builder
	for line := range strings.Lines(program) {
		if at := strings.Index(line, " loc("); at >= 0 {
			line = line[:at] + "\n"
		}
		plain.WriteString(line)
	}
	got, want := strings.Split(prepared(t, plain.String(), false), "\n"), strings.Split(program, "\n")
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("line %d of %d: got %q, want %q", i, len(want), got[min(i, len(got)-1)], want[min(i, len(want)-1)])
		}
	}
}

// A text of another hand has no operations that are known, and comes back as it is.
func TestLocateLeavesOthersAlone(t *testing.T) {
	for _, text := range []string{
		"", "module {}", "func.func @main() {\n  return\n}",
		"module {\n  func.func private @f(%a: tensor<f32>) {\n    %0 = \"stablehlo.abs\"(%a) : (tensor<f32>) -> tensor<f32>\n  }\n}\n",
		"  func.func @main(%a: tensor<f32>) {\n %0 = stablehlo.abs %a : tensor<f32>\n}",
	} {
		if got := prepared(t, text, false); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
}

// prepared is the text of a program without donations, as the compiler gets it.
func prepared(t *testing.T, text string, exact bool) string {
	t.Helper()
	got, marked, ignored, err := prepare(text, nil, exact)
	if err != nil || marked != 0 || ignored != nil {
		t.Fatalf("%d marked, ignored %q, %v", marked, ignored, err)
	}
	return got
}
