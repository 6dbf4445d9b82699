package xla

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/xla/internal/stablehlo"
)

// The text is marked at the right places, whatever else the signature holds, and is otherwise unchanged.
func TestMarkDonated(t *testing.T) {
	const body = " {\n  \"stablehlo.return\"(%a) : (tensor<2xf32>) -> ()\n}\n"
	const sharded = `{ sdy.sharding = #sdy.sharding<@mesh, [{"data"}, {}]> }`
	const markedSharded = `{tf.aliasing_output = 0 : i32,  sdy.sharding = #sdy.sharding<@mesh, [{"data"}, {}]> }`
	for _, test := range []struct {
		name      string
		signature string
		aliases   map[int]int
		want      string
		ignored   string // part of the one reason, "" for none
	}{
		{
			"one result", "(%a: tensor<2xf32>) -> tensor<2xf32>",
			map[int]int{0: 0},
			"(%a: tensor<2xf32> {tf.aliasing_output = 0 : i32}) -> tensor<2xf32>", "",
		},
		{
			"crossed", "(%a: tensor<2xf32>, %b: tensor<f32>) -> (tensor<f32>, tensor<2xf32>)",
			map[int]int{0: 1, 1: 0},
			"(%a: tensor<2xf32> {tf.aliasing_output = 1 : i32}, %b: tensor<f32> {tf.aliasing_output = 0 : i32}) -> (tensor<f32>, tensor<2xf32>)", "",
		},
		{"nothing asked", "(%a: tensor<2xf32>) -> tensor<2xf32>", nil, "(%a: tensor<2xf32>) -> tensor<2xf32>", ""},
		{
			"sharded", "(%a: tensor<2x3xf32> " + sharded + ") -> (tensor<2x3xf32> " + sharded + ")",
			map[int]int{0: 0},
			"(%a: tensor<2x3xf32> " + markedSharded + ") -> (tensor<2x3xf32> " + sharded + ")", "",
		},
		{
			"sharded as nothing", "(%a: tensor<2x3xf32>) -> (tensor<2x3xf32> " + sharded + ")",
			map[int]int{0: 0},
			"(%a: tensor<2x3xf32>) -> (tensor<2x3xf32> " + sharded + ")", "sharding",
		},
		{
			"empty dictionary", "(%a: tensor<2xf32> {}) -> tensor<2xf32>",
			map[int]int{0: 0},
			"(%a: tensor<2xf32> {tf.aliasing_output = 0 : i32}) -> tensor<2xf32>", "",
		},
		{
			"brackets in quotes", `(%a: tensor<2xf32> {x = "}, %b: \">", y = [1, {z}]}, %b: f32) -> (f32, tensor<2xf32>)`,
			map[int]int{0: 1},
			`(%a: tensor<2xf32> {tf.aliasing_output = 1 : i32, x = "}, %b: \">", y = [1, {z}]}, %b: f32) -> (f32, tensor<2xf32>)`, "",
		},
		{
			"nested types", "(%a: tuple<tensor<2xf32>, tuple<i32, !stablehlo.token>>, %b: tensor<4xf32, #stablehlo.bounds<4>>) -> (i32, tensor<4xf32,#stablehlo.bounds<4>>)",
			map[int]int{1: 1},
			"(%a: tuple<tensor<2xf32>, tuple<i32, !stablehlo.token>>, %b: tensor<4xf32, #stablehlo.bounds<4>> {tf.aliasing_output = 1 : i32}) -> (i32, tensor<4xf32,#stablehlo.bounds<4>>)", "",
		},
		{
			"an arrow in an attribute", "(%a: tensor<2xf32> {m = affine_map<(d0) -> (d0)>}) -> tensor<2xf32>",
			map[int]int{0: 0},
			"(%a: tensor<2xf32> {tf.aliasing_output = 0 : i32, m = affine_map<(d0) -> (d0)>}) -> tensor<2xf32>", "",
		},
		{
			"locations and lines", "(\n    %a: tensor<2xf32> loc(\"x)\":1:2), // first, (\n    %b: f32)\n  -> (\n f32, tensor<2xf32>)",
			map[int]int{0: 1},
			"(\n    %a: tensor<2xf32> {tf.aliasing_output = 1 : i32} loc(\"x)\":1:2), // first, (\n    %b: f32)\n  -> (\n f32, tensor<2xf32>)", "",
		},
		{"another type", "(%a: tensor<2xf32>) -> tensor<2xbf16>", map[int]int{0: 0}, "(%a: tensor<2xf32>) -> tensor<2xbf16>", "type"},
		{
			"marked already", "(%a: tensor<2xf32> {jax.buffer_donor = true}) -> tensor<2xf32>",
			map[int]int{0: 0},
			"(%a: tensor<2xf32> {jax.buffer_donor = true}) -> tensor<2xf32>", "already",
		},
		{
			"a unit attribute", "(%a: tensor<2xf32> {x, tf.aliasing_output = 0 : i32}) -> tensor<2xf32>",
			map[int]int{0: 0},
			"(%a: tensor<2xf32> {x, tf.aliasing_output = 0 : i32}) -> tensor<2xf32>", "already",
		},
	} {
		for _, head := range []string{"module @m {\n  func.func @main", "// func.func @main(\nmodule @\"func.func @main(\" {\n func.func private @main2(%x: f32) -> f32\n func.func public @main "} {
			t.Run(test.name, func(t *testing.T) {
				got, n, ignored, err := prepare(head+test.signature+body, test.aliases, false, false, 1)
				if err != nil {
					t.Fatal(err)
				}
				if want := head + test.want + body; got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
				if want := strings.Count(test.want, aliasAttribute) - strings.Count(test.signature, aliasAttribute); n != want {
					t.Errorf("got %d marked, want %d", n, want)
				}
				if len(ignored) > 1 || strings.Contains(strings.Join(ignored, ""), test.ignored) == false || (len(ignored) == 1) != (test.ignored != "") {
					t.Errorf("got ignored %q, want one with %q", ignored, test.ignored)
				}
			})
		}
	}
}

// Of many arguments every second is marked, each with its own output.
func TestMarkDonatedMany(t *testing.T) {
	const n = 1000
	var args, results, want []string
	aliases := map[int]int{}
	for i := range n {
		typ := fmt.Sprintf("tensor<%dxf32>", i)
		arg := fmt.Sprintf("%%arg%d: %s", i, typ)
		args, results = append(args, arg), append(results, typ)
		if i%2 == 1 {
			aliases[i] = n - 1 - i // results are listed backwards
			arg += fmt.Sprintf(" {tf.aliasing_output = %d : i32}", n-1-i)
		}
		want = append(want, arg)
	}
	for i := range n / 2 {
		results[i], results[n-1-i] = results[n-1-i], results[i]
	}
	text := func(args []string) string {
		return "func.func @main(" + strings.Join(args, ", ") + ") -> (" + strings.Join(results, ", ") + ") {}"
	}
	got, marked, ignored, err := prepare(text(args), aliases, false, false, 1)
	if err != nil || marked != n/2 || len(ignored) != 0 {
		t.Fatalf("got %d marked, ignored %q, %v; want %d", marked, ignored, err, n/2)
	}
	if got != text(want) {
		t.Error("the text differs from the wanted one")
	}
}

// What can only be a mistake is an error that names it.
func TestMarkDonatedErrors(t *testing.T) {
	const two = "func.func @main(%a: f32, %b: f32) -> (f32, f32) {}"
	for _, test := range []struct {
		name, text string
		aliases    map[int]int
		want       string
	}{
		{"parameter", two, map[int]int{2: 0}, "parameter 2 is donated, the program has 2"},
		{"negative parameter", two, map[int]int{-1: 0}, "parameter -1 is donated"},
		{"output", two, map[int]int{0: 2}, "output 2, the program has 2"},
		{"output twice", two, map[int]int{0: 1, 1: 1}, "parameters 0 and 1 are both donated to output 1"},
		{"no results", "func.func @main(%a: f32) {}", map[int]int{0: 0}, "the program has 0"},
		{"no main", "func.func @other(%a: f32) -> f32 {}", map[int]int{0: 0}, "no func.func @main"},
		{"bytecode", "ML\xefR\x00\x01\x02", map[int]int{0: 0}, "no func.func @main"},
		{"cut in a type", "func.func @main(%a: tensor<2x", map[int]int{0: 0}, "unclosed"},
		{"cut in a string", "func.func @main(%a: f32 {x = \"", map[int]int{0: 0}, "unclosed"},
		{"cut in a list", "func.func @main(%a: f32,", map[int]int{0: 0}, "want %name"},
		{"no type", "func.func @main(%a: ) -> f32", map[int]int{0: 0}, "want a type"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, _, err := prepare(test.text, test.aliases, false, false, 1)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// No text makes the scanner panic or loop, and the operations of what comes out are those of what went in.
func FuzzPrepare(f *testing.F) {
	f.Add("func.func @main(%a: tensor<2xf32> {x = \"}\", y}, %b: f32) -> (tensor<2xf32>, f32) {}")
	f.Add("func.func @main(%a: f32 {\"")
	f.Add("func.func @main(%a: f32) -> f32 { %0 = \"x.dot_general\"(%a) {p = #stablehlo<precision A>} : (f32) -> f32 \"r\"(%0) : (f32) -> () }")
	f.Fuzz(func(t *testing.T, text string) {
		after, _, _, err := prepare(text, map[int]int{0: 0}, false, false, 1)
		if err != nil {
			return
		}
		was, failed := operations(text)
		is, err := operations(after)
		if (err != nil) != (failed != nil) || len(is) != len(was) {
			t.Errorf("%d operations, %v, of %d, %v:\n%s", len(is), err, len(was), failed, after)
		}
	})
}

func operations(text string) ([]stablehlo.Operation, error) {
	main, err := stablehlo.Main(text)
	if err != nil {
		return nil, err
	}
	return main.Operations()
}

// What is donated is counted by its type.
func TestDonated(t *testing.T) {
	for typ, want := range map[string]int64{
		"tensor<2x3xf32>": 24, "tensor<5xbf16>": 10, "tensor<i32>": 4, "tensor<9xi1>": 2, "tensor<4xcomplex<f32>>": 0, "tensor<?xf32>": 0,
		"tensor<4611686018427387904x4611686018427387904xf32>": math.MaxInt64/8 + 1,
	} {
		program := "func.func @main(%a: tensor<7xf32>, %b: " + typ + " {tf.aliasing_output = 0 : i32}) -> " + typ
		if got := Donated(program); got != want {
			t.Errorf("%s: %d bytes, want %d", typ, got, want)
		}
	}
	if got := Donated("no program"); got != 0 {
		t.Errorf("no program: %d bytes", got)
	}
}
