package xla

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/xla/internal/stablehlo"
)

// The gradient of a convolution's kernel is a convolution that sums over the images. Where those are split over devices, XLA
// sums what each device has in the type of the result. For bfloat16 that is one rounding to 8 bits for every device that
// joins. wideSums has each device compute its part as before, and the parts summed in float32: the convolution goes into
// a computation of each device's own (Shardy's manual_computation, as JAX's shard_map writes it).

// wideSums returns the edits for the convolutions of a program over a mesh of devices in one axis. Other programs have none.
func wideSums(main *stablehlo.Function, operations []located, devices int) (edits []stablehlo.Edit) {
	mesh, axis, ok := main.Mesh()
	if !ok || devices < 2 {
		return nil
	}
	for _, o := range operations {
		if text, ok := wideSum(main, o, mesh, axis, devices, 1+len(edits)); ok {
			edits = append(edits, o.Replace(text))
		}
	}
	return edits
}

// imagesAsFeatures are the axes of a convolution that sums over the first axis of both operands.
const imagesAsFeatures, kernelsAsOutputs = "#stablehlo.conv<[f, ", "]x[i, "

func wideSum(main *stablehlo.Function, o located, mesh, axis string, devices, channel int) (string, bool) {
	text := main.Text(o.Operation)
	if o.Name != "stablehlo.convolution" || len(o.Types) != 2 || !strings.Contains(text, imagesAsFeatures) || !strings.Contains(text, kernelsAsOutputs) {
		return "", false
	}
	body, result, found := cutLast(text, "->")
	sum, narrow := strings.CutSuffix(strings.TrimSpace(result), "xbf16>")
	if !found || !narrow || o.Located {
		return "", false
	}
	parts := make([]string, 2)
	for i, typ := range o.Types {
		first, rest, _ := strings.Cut(strings.TrimPrefix(typ, "tensor<"), "x")
		n, err := strconv.Atoi(first)
		if err != nil || n%devices != 0 {
			return "", false
		}
		parts[i] = fmt.Sprintf("tensor<%dx%s", n/devices, rest)
	}
	_, attributes, _ := strings.Cut(body, ")")          // behind the operands
	attributes, _, _ = cutLast(attributes, ":")         // before the types
	id := "of_" + strings.TrimPrefix(o.Results[0], "%") // of the names inside
	split := fmt.Sprintf("<@%s, [{%q}%s]>", mesh, axis, strings.Repeat(", {}", strings.Count(o.Types[0], "x")-1))
	whole := fmt.Sprintf("<@%s, [{}%s]>", mesh, strings.Repeat(", {}", strings.Count(sum, "x")))
	all := make([]string, devices)
	for i := range all {
		all[i] = strconv.Itoa(i)
	}
	return strings.NewReplacer(
		"$ID", id, "$RESULT", o.Results[0], "$LHS", o.Operands[0], "$RHS", o.Operands[1], "$TYPES", strings.Join(o.Types, ", "),
		"$PART0", parts[0], "$PART1", parts[1], "$SUM", sum, "$SPLIT", split, "$WHOLE", whole, "$AXIS", strconv.Quote(axis),
		"$ATTRIBUTES", strings.TrimSpace(attributes), "$ALL", strings.Join(all, ", "), "$CHANNEL", strconv.Itoa(channel), "$COUNT", strconv.Itoa(devices), "$NAME", strconv.Quote(o.name),
	).Replace(wideSumText), true
}

// cutLast is strings.Cut at the last separator.
func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}

const wideSumText = `%sum_$ID = "sdy.manual_computation"($LHS, $RHS) ({
    ^bb0(%lhs_$ID: $PART0, %rhs_$ID: $PART1):
      %part_$ID = "stablehlo.convolution"(%lhs_$ID, %rhs_$ID) $ATTRIBUTES : ($PART0, $PART1) -> $SUMxbf16> loc($NAME)
      %wide_$ID = "stablehlo.convert"(%part_$ID) : ($SUMxbf16>) -> $SUMxf32> loc($NAME)
      %all_$ID = "stablehlo.all_reduce"(%wide_$ID) ({
      ^bb0(%a_$ID: tensor<f32>, %b_$ID: tensor<f32>):
        %c_$ID = "stablehlo.add"(%a_$ID, %b_$ID) : (tensor<f32>, tensor<f32>) -> tensor<f32>
        "stablehlo.return"(%c_$ID) : (tensor<f32>) -> ()
      }) {
        channel_handle = #stablehlo.channel_handle<handle = $CHANNEL, type = 1>,
        replica_groups = dense<[[$ALL]]> : tensor<1x$COUNTxi64>,
        use_global_device_ids
      } : ($SUMxf32>) -> $SUMxf32> loc($NAME)
      "sdy.return"(%all_$ID) : ($SUMxf32>) -> ()
    }) {
      in_shardings = #sdy.sharding_per_value<[$SPLIT, $SPLIT]>,
      out_shardings = #sdy.sharding_per_value<[$WHOLE]>,
      manual_axes = #sdy<manual_axes{$AXIS}>
    } : ($TYPES) -> $SUMxf32> loc($NAME)
    $RESULT = "stablehlo.convert"(%sum_$ID) : ($SUMxf32>) -> $SUMxbf16>`
