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
	got, want := strings.Split(prepared(t, withoutLocations(program), false), "\n"), strings.Split(program, "\n")
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
	got, marked, ignored, err := prepare(text, nil, exact, false, 1)
	if err != nil || marked != 0 || ignored != nil {
		t.Fatalf("%d marked, ignored %q, %v", marked, ignored, err)
	}
	return got
}

// What stands in a loop is named as if it stood around it: its arguments come from where the loop's operands do, and the
// results from where the last turn's do. Its products get a precision, too.
func TestLocateInLoops(t *testing.T) {
	const program = `module @step {
  func.func @main(%arg0: tensor<4x3xui8>, %_query_conv1_weight: tensor<3x2xf32>, %_query_fc_weight: tensor<2x2xf32>) -> tensor<f32> {
    %0 = "stablehlo.constant"() { value = dense<0> : tensor<i32> } : () -> tensor<i32> loc("constant")
    %1 = "stablehlo.constant"() { value = dense<0.0> : tensor<2x2xf32> } : () -> tensor<2x2xf32> loc("constant")
    %2 = "stablehlo.convert"(%arg0) : (tensor<4x3xui8>) -> tensor<4x3xf32> loc("input/convert")
    %20, %21, %22, %23, %24 = "stablehlo.while"(%0, %_query_conv1_weight, %_query_fc_weight, %2, %1) ({
      ^cond(%parameter__0: tensor<i32>, %parameter__1: tensor<3x2xf32>, %parameter__2: tensor<2x2xf32>, %parameter__3: tensor<4x3xf32>, %parameter__4: tensor<2x2xf32>) :
          %3 = "stablehlo.constant"() { value = dense<8> : tensor<i32> } : () -> tensor<i32> loc("constant")
          %4 = "stablehlo.compare"(%parameter__0, %3) {
            comparison_direction = #stablehlo<comparison_direction LT>
          } : (tensor<i32>, tensor<i32>) -> tensor<i1> loc("compare")
          "stablehlo.return"(%4) : (tensor<i1>) -> ()
    }, {
      ^body(%parameter__0: tensor<i32>, %parameter__1: tensor<3x2xf32>, %parameter__2: tensor<2x2xf32>, %parameter__3: tensor<4x3xf32>, %parameter__4: tensor<2x2xf32>) :
          %5 = "stablehlo.dot_general"(%parameter__3, %parameter__1) {
            precision_config = [#stablehlo<precision HIGHEST>, #stablehlo<precision HIGHEST>]
          } : (tensor<4x3xf32>, tensor<3x2xf32>) -> tensor<4x2xf32> loc("query.conv1/dot_general")
          %6 = "stablehlo.constant"() { value = dense<0.0> : tensor<f32> } : () -> tensor<f32> loc("constant")
          %7 = "stablehlo.reduce"(%5, %6) ({
            ^sum(%lhs: tensor<f32>, %rhs: tensor<f32>) :
                %8 = "stablehlo.add"(%lhs, %rhs) : (tensor<f32>, tensor<f32>) -> tensor<f32>
                "stablehlo.return"(%8) : (tensor<f32>) -> ()
          }) { dimensions = array<i64: 0> } : (tensor<4x2xf32>, tensor<f32>) -> tensor<2xf32> loc("query.conv1/reduce")
          %9 = "stablehlo.dot_general"(%7, %parameter__2) {
            precision_config = [#stablehlo<precision HIGHEST>, #stablehlo<precision HIGHEST>]
          } : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32> loc("query.fc/dot_general")
          %10 = "stablehlo.multiply"(%9, %parameter__2) : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32> loc("query.fc/multiply")
          %11 = "stablehlo.dot_general"(%10, %parameter__1) {
            precision_config = [#stablehlo<precision HIGHEST>, #stablehlo<precision HIGHEST>]
          } : (tensor<2x2xf32>, tensor<3x2xf32>) -> tensor<2x2xf32> loc("backward/query.conv1/dot_general")
          %12 = "stablehlo.add"(%parameter__4, %11) : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32> loc("backward/query.conv1/add")
          "stablehlo.return"(%parameter__0, %parameter__1, %parameter__2, %parameter__3, %12) : (tensor<i32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<4x3xf32>, tensor<2x2xf32>) -> ()
    }) : (tensor<i32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<4x3xf32>, tensor<2x2xf32>) -> (tensor<i32>, tensor<3x2xf32>, tensor<2x2xf32>, tensor<4x3xf32>, tensor<2x2xf32>)
    %25 = "stablehlo.negate"(%24) : (tensor<2x2xf32>) -> tensor<2x2xf32> loc("backward/query.conv1/negate")
    %26 = "stablehlo.multiply"(%23, %2) : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x3xf32> loc("input/multiply")
    "stablehlo.return"(%25) : (tensor<2x2xf32>) -> ()
  }
}
`
	plain := strings.NewReplacer("precision HIGHEST", "precision DEFAULT").Replace(withoutLocations(program))
	got, want := strings.Split(prepared(t, plain, false), "\n"), strings.Split(program, "\n")
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("line %d of %d: got %q, want %q", i, len(want), got[min(i, len(got)-1)], want[min(i, len(want)-1)])
		}
	}
}

// withoutLocations is a program as it was before it was located.
func withoutLocations(program string) string {
	var plain strings.Builder
	for line := range strings.Lines(program) {
		if at := strings.Index(line, " loc("); at >= 0 {
			line = line[:at] + "\n"
		}
		plain.WriteString(line)
	}
	return plain.String()
}
