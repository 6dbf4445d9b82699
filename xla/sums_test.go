package xla

import (
	"strings"
	"testing"
)

// sumsProgram has the gradient of a kernel, as go-xla writes it, with $N images and the result in $TYPE.
const sumsProgram = `module @step {
  sdy.mesh @mesh = <["data"=4]>
  func.func @main(%arg0: tensor<$Nx4x4x32xbf16>, %arg1: tensor<$Nx2x2x64xbf16>) -> tensor<64x1x1x32x$TYPE> {
    %0 = "stablehlo.convolution"(%arg0, %arg1) {
      batch_group_count = 1 : i64,
      dimension_numbers = #stablehlo.conv<[f, 0, 1, b]x[i, 0, 1, o]->[f, 0, 1, b]>,
      feature_group_count = 1 : i64,
      padding = dense<[[0, -1], [0, -1]]> : tensor<2x2xi64>,
      window_strides = array<i64: 1, 1>
    } : (tensor<$Nx4x4x32xbf16>, tensor<$Nx2x2x64xbf16>) -> tensor<64x1x1x32x$TYPE>
    "stablehlo.return"(%0) : (tensor<64x1x1x32x$TYPE>) -> ()
  }
}
`

// sumsWidened is its convolution over four devices: each convolves its own two images of eight, and float32 is summed.
const sumsWidened = `    %sum_of_0 = "sdy.manual_computation"(%arg0, %arg1) ({
    ^bb0(%lhs_of_0: tensor<2x4x4x32xbf16>, %rhs_of_0: tensor<2x2x2x64xbf16>):
      %part_of_0 = "stablehlo.convolution"(%lhs_of_0, %rhs_of_0) {
      batch_group_count = 1 : i64,
      dimension_numbers = #stablehlo.conv<[f, 0, 1, b]x[i, 0, 1, o]->[f, 0, 1, b]>,
      feature_group_count = 1 : i64,
      padding = dense<[[0, -1], [0, -1]]> : tensor<2x2xi64>,
      window_strides = array<i64: 1, 1>
    } : (tensor<2x4x4x32xbf16>, tensor<2x2x2x64xbf16>) -> tensor<64x1x1x32xbf16>
      %wide_of_0 = "stablehlo.convert"(%part_of_0) : (tensor<64x1x1x32xbf16>) -> tensor<64x1x1x32xf32>
      %all_of_0 = "stablehlo.all_reduce"(%wide_of_0) ({
      ^bb0(%a_of_0: tensor<f32>, %b_of_0: tensor<f32>):
        %c_of_0 = "stablehlo.add"(%a_of_0, %b_of_0) : (tensor<f32>, tensor<f32>) -> tensor<f32>
        "stablehlo.return"(%c_of_0) : (tensor<f32>) -> ()
      }) {
        channel_handle = #stablehlo.channel_handle<handle = 1, type = 1>,
        replica_groups = dense<[[0, 1, 2, 3]]> : tensor<1x4xi64>,
        use_global_device_ids
      } : (tensor<64x1x1x32xf32>) -> tensor<64x1x1x32xf32>
      "sdy.return"(%all_of_0) : (tensor<64x1x1x32xf32>) -> ()
    }) {
      in_shardings = #sdy.sharding_per_value<[<@mesh, [{"data"}, {}, {}, {}]>, <@mesh, [{"data"}, {}, {}, {}]>]>,
      out_shardings = #sdy.sharding_per_value<[<@mesh, [{}, {}, {}, {}]>]>,
      manual_axes = #sdy<manual_axes{"data"}>
    } : (tensor<8x4x4x32xbf16>, tensor<8x2x2x64xbf16>) -> tensor<64x1x1x32xf32>
    %0 = "stablehlo.convert"(%sum_of_0) : (tensor<64x1x1x32xf32>) -> tensor<64x1x1x32xbf16>
`

func summed(t *testing.T, text string, wide bool, devices int) string {
	t.Helper()
	got, _, _, err := prepare(text, nil, false, wide, devices)
	if err != nil {
		t.Fatal(err)
	}
	return locations.ReplaceAllString(got, "")
}

// The gradient of a kernel, which sums over the images of all devices, is taken apart: by hand, so to the letter. The compiler for
// GPUs has read it so, in xla's slow tests and tpu/nvidia's.
func TestWideSums(t *testing.T) {
	program := strings.NewReplacer("$N", "8", "$TYPE", "bf16").Replace(sumsProgram)
	before, rest, _ := strings.Cut(program, "    %0 = ")
	_, after, _ := strings.Cut(rest, "xbf16>\n    \"stablehlo.return\"")
	want := before + sumsWidened + `    "stablehlo.return"` + after
	if got := summed(t, program, true, 4); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// A second one has names and a channel of its own.
	second := strings.Replace(program, `    "stablehlo.return"`, strings.ReplaceAll("    %0 = "+rest[:strings.Index(rest, `    "stablehlo.return"`)], "%0", "%1")+`    "stablehlo.return"`, 1)
	if got := summed(t, second, true, 4); strings.Count(got, "handle = 1,") != 1 || strings.Count(got, "handle = 2,") != 1 || strings.Count(got, "%sum_of_1") != 2 {
		t.Errorf("of two convolutions\n%s", got)
	}
}

// What is no such sum, or cannot be divided, stays as it is.
func TestWideSumsLeavesOthersAlone(t *testing.T) {
	program := strings.NewReplacer("$N", "8", "$TYPE", "bf16").Replace(sumsProgram)
	for name, text := range map[string]string{
		"a sum in float32":             strings.NewReplacer("$N", "8", "$TYPE", "f32").Replace(sumsProgram),
		"images that do not divide":    strings.NewReplacer("$N", "6", "$TYPE", "bf16").Replace(sumsProgram),
		"a convolution forward":        strings.Replace(program, "[f, 0, 1, b]x[i, 0, 1, o]", "[b, 0, 1, f]x[o, 0, 1, i]", 1),
		"no mesh":                      strings.Replace(program, "  sdy.mesh @mesh = <[\"data\"=4]>\n", "", 1),
		"a mesh of two axes":           strings.Replace(program, `"data"=4`, `"data"=2, "model"=2`, 1),
		"one that has been placed":     strings.Replace(program, "-> tensor<64x1x1x32xbf16>\n    \"", "-> tensor<64x1x1x32xbf16> loc(\"mine\")\n    \"", 1),
		"another operation than these": strings.Replace(program, "stablehlo.convolution", "stablehlo.custom_call", 1),
	} {
		if got := summed(t, text, true, 4); strings.Contains(got, "manual_computation") {
			t.Errorf("%s is taken apart:\n%s", name, got)
		}
	}
	if got := summed(t, program, true, 1); strings.Contains(got, "manual_computation") {
		t.Error("a program of one device is taken apart")
	}
	if got := summed(t, program, false, 4); strings.Contains(got, "manual_computation") {
		t.Error("a program is taken apart of which that was not asked")
	}
}
