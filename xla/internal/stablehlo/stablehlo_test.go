package stablehlo_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/xla/internal/stablehlo"
)

// written is a program as go-xla writes it: sharded arguments, a region, an attribute over several lines.
const written = `module @step_1 attributes {stablehlo.num_replicas = 1,  stablehlo.num_partitions = 8} {
  sdy.mesh @mesh = <["data"=8]>
  func.func @main(%arg0: tensor<64x9xf32> { sdy.sharding = #sdy.sharding<@mesh, [{"data"}, {}]> }, %_query_fc_weight: tensor<9x2xf32>) -> (tensor<f32>, tensor<9x2xf32>) {
    %0 = "stablehlo.constant"() { value = dense<0.0> : tensor<f32> } : () -> tensor<f32>
    %1 = "stablehlo.dot_general"(%arg0, %_query_fc_weight) {
      dot_dimension_numbers = #stablehlo.dot<
  lhs_contracting_dimensions = [1],
  rhs_contracting_dimensions = [0]
>,
      precision_config = [#stablehlo<precision DEFAULT>, #stablehlo<precision HIGH>]
    } : (tensor<64x9xf32>, tensor<9x2xf32>) -> tensor<64x2xf32>
    %2 = "stablehlo.reduce"(%1, %0) ({
      ^reductionFn(%lhs: tensor<f32>, %rhs: tensor<f32>) :
          %3 = "stablehlo.add"(%lhs, %rhs) : (tensor<f32>, tensor<f32>) -> tensor<f32>
          "stablehlo.return"(%3) : (tensor<f32>) -> ()
    }) { dimensions = array<i64: 0, 1> } : (tensor<64x2xf32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%2, %_query_fc_weight) : (tensor<f32>, tensor<9x2xf32>) -> ()
  }
}
`

// printed is a program as MLIR prints one in the generic form: another function before @main and one after, nested
// locations, strings with brackets and with the names of functions, properties, several results, comments.
const printed = `#loc1 = loc("step.py":12:4)
module @"jit {step" {
  func.func private @scale(%arg0: tensor<2xf32>) -> tensor<2xf32> {
    %0 = "stablehlo.negate"(%arg0) : (tensor<2xf32>) -> tensor<2xf32> loc(#loc1)
    "func.return"(%0) : (tensor<2xf32>) -> ()
  }
  // func.func @main(%x: f32) {
  func.func public @main(%arg0: tensor<2xf32> {note = "func.func @main(", x} loc("a)"), %w-1: tensor<2xf32, #stablehlo.bounds<?>> loc(unknown)) -> (tensor<2xf32> {jax.result_info = "[0]"}, !stablehlo.token) attributes {tags = ["{", "}"]} {
    %0:2 = "stablehlo.custom_call"(%arg0, %w-1) <{call_target_name = "f(\"}", mapping = affine_map<(d0) -> (d0)>}> : (tensor<2xf32>, tensor<2xf32, #stablehlo.bounds<?>>) -> (tensor<2xf32>, !stablehlo.token) loc(callsite("layer {1}/call)"("g" at "step.py":3:1) at fused["x", #loc1]))
    %1, %2 = "stablehlo.optimization_barrier"(%0#0, %0#1) : (tensor<2xf32>, !stablehlo.token) -> (tensor<2xf32>, !stablehlo.token) // ) } loc("none")
    "stablehlo.return"(%1, %2) {note = "loc(\"x\")"} : (tensor<2xf32>, !stablehlo.token) -> () loc(#loc1)
  } loc("main")
  func.func private @other() { "func.return"() : () -> () }
}
`

// operation is what the tests look at.
type operation struct {
	name, results, operands, types string
	located                        bool
}

func TestOperations(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []operation
	}{
		{"go-xla's", written, []operation{
			{"stablehlo.constant", "%0", "", "", false},
			{"stablehlo.dot_general", "%1", "%arg0 %_query_fc_weight", "tensor<64x9xf32> tensor<9x2xf32>", false},
			{"stablehlo.reduce", "%2", "%1 %0", "tensor<64x2xf32> tensor<f32>", false},
			{"stablehlo.return", "", "%2 %_query_fc_weight", "tensor<f32> tensor<9x2xf32>", false},
		}},
		{"MLIR's", printed, []operation{
			{"stablehlo.custom_call", "%0", "%arg0 %w-1", "tensor<2xf32> tensor<2xf32,#stablehlo.bounds<?>>", true},
			{"stablehlo.optimization_barrier", "%1 %2", "%0 %0", "tensor<2xf32> !stablehlo.token", false},
			{"stablehlo.return", "", "%1 %2", "tensor<2xf32> !stablehlo.token", true},
		}},
		{"none", "func.func @main() {}", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			main, err := stablehlo.Main(test.text)
			if err != nil {
				t.Fatal(err)
			}
			operations, err := main.Operations()
			if err != nil {
				t.Fatal(err)
			}
			var got []operation
			for _, o := range operations {
				got = append(got, operation{o.Name, strings.Join(o.Results, " "), strings.Join(o.Operands, " "), strings.Join(o.Types, " "), o.Located})
				whole := strings.Join(strings.Fields(test.text[o.From:o.To]), "")
				if !strings.HasPrefix(whole, strings.Join(o.Results, ",")) || strings.Count(whole, o.Name) != 1 || strings.Contains(whole, "loc(callsite") {
					t.Errorf("%s is %q", o.Name, test.text[o.From:o.To])
				}
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, test.want)
			}
		})
	}
}

func TestSignature(t *testing.T) {
	type value struct {
		name, typ  string
		attributes map[string]string
	}
	for _, test := range []struct {
		name, text    string
		args, results []value
	}{
		{
			"go-xla's", written,
			[]value{{"%arg0", "tensor<64x9xf32>", map[string]string{"sdy.sharding": `#sdy.sharding<@mesh,[{"data"},{}]>`}}, {"%_query_fc_weight", "tensor<9x2xf32>", nil}},
			[]value{{"", "tensor<f32>", nil}, {"", "tensor<9x2xf32>", nil}},
		},
		{
			"MLIR's", printed,
			[]value{{"%arg0", "tensor<2xf32>", map[string]string{"note": `"func.func@main("`, "x": "unit"}}, {"%w-1", "tensor<2xf32,#stablehlo.bounds<?>>", nil}},
			[]value{{"", "tensor<2xf32>", map[string]string{"jax.result_info": `"[0]"`}}, {"", "!stablehlo.token", nil}},
		},
		{"one result", "func.func @main(%a: f32) -> f32 {}", []value{{"%a", "f32", nil}}, []value{{"", "f32", nil}}},
		{"no result", "func.func nested @main () {}", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			main, err := stablehlo.Main(test.text)
			if err != nil {
				t.Fatal(err)
			}
			values := func(all []stablehlo.Value) (found []value) {
				for _, v := range all {
					found = append(found, value{v.Name, v.Type, v.Attributes})
				}
				return found
			}
			if got := values(main.Args); !reflect.DeepEqual(got, test.args) {
				t.Errorf("got arguments %q, want %q", got, test.args)
			}
			if got := values(main.Results); !reflect.DeepEqual(got, test.results) {
				t.Errorf("got results %q, want %q", got, test.results)
			}
		})
	}
}

// What is no program, or one in another form, is an error and no panic; so is every cut of a good one.
func TestErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", "no func.func @main"},
		{"ML\xefR\x00\x01\x02", "no func.func @main"},
		{"func.func @main", "arguments of @main: want ("},
		{"func.func @main(%a f32)", "want : at byte"},
		{"func.func @main(%: f32)", "want %name"},
		{"func.func @main(%a: f32 %b: f32)", "want , or )"},
		{"func.func @main() -> (", "results of @main"},
		{"func.func @main()", "no body"},
		{"func.func @main() { %0 = stablehlo.abs %a : tensor<f32> }", "operation 0 of @main: want the name of an operation in quotes"},
		{"func.func @main() { ^bb0: }", "want the name of an operation"},
		{`func.func @main() { %0 "x"() }`, "want ="},
		{`func.func @main() { "x"(%a) {y = "}`, "unclosed"},
		{`func.func @main() { "x"() : () }`, "want ->"},
		{`func.func @main() { "x"() : () -> () loc("y"`, "unclosed"},
	} {
		main, err := stablehlo.Main(test.text)
		if err == nil {
			_, err = main.Operations()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %q", test.text, err, test.want)
		}
	}
	end := strings.Index(written, `"stablehlo.return"(%2`)
	for n := range end {
		if main, err := stablehlo.Main(written[:n]); err == nil {
			if _, err := main.Operations(); err == nil {
				t.Fatalf("cut to %d bytes it reads well", n)
			}
		}
	}
}

// The regions of an operation are read with their arguments and operations; what else stands there is an error.
func TestRegions(t *testing.T) {
	read := func(t *testing.T, operation string) ([]stablehlo.Region, error) {
		t.Helper()
		main, err := stablehlo.Main("func.func @main() { " + operation + " : () -> () }")
		if err != nil {
			t.Fatal(err)
		}
		all, err := main.Operations()
		if err != nil || len(all) != 1 {
			t.Fatalf("%s: %d operations, %v", operation, len(all), err)
		}
		return main.Regions(all[0])
	}
	for operation, want := range map[string]string{
		`"x"()`: "[]",
		`"x"() ({ ^a(%p: tensor<2xf32>, %q: i1): %0 = "y"(%p) : (i1) -> i1 "z"(%0) ({ "w"() : () -> () }) : (i1) -> () }, { "v"() : () -> () })`: "[[%p %q] y z [] v]",
		`"x"() ({ ^a: }) {b = 1}`: "[[]]",
	} {
		regions, err := read(t, operation)
		var words []string
		for _, r := range regions {
			words = append(words, fmt.Sprint(r.Args))
			for _, o := range r.Operations {
				words = append(words, o.Name)
			}
		}
		if got := fmt.Sprint(words); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", operation, got, err, want)
		}
	}
	for operation, want := range map[string]string{
		`"x"() (a)`:                     "want {",
		`"x"() ({ ^a(%p): })`:           "want :",
		`"x"() ({ ^a })`:                "want :",
		`"x"() ({ y })`:                 "want the name of an operation",
		`"x"() ({} {})`:                 "want , or )",
		`"x"() ({ "y"() : () -> (), })`: "want the name of an operation",
	} {
		if regions, err := read(t, operation); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v, want an error that says %q", operation, regions, err, want)
		}
	}
}

// Edits change what they name, and nothing else.
func TestApply(t *testing.T) {
	main, err := stablehlo.Main(written)
	if err != nil {
		t.Fatal(err)
	}
	operations, err := main.Operations()
	if err != nil {
		t.Fatal(err)
	}
	var edits []stablehlo.Edit
	for _, o := range operations {
		edits = append(append(edits, o.Locate("here/"+o.Name)), main.Enum(o, "precision", "HIGHEST")...)
	}
	edits = append(edits, main.Args[0].Attribute("tf.aliasing_output", "0 : i32"), main.Args[1].Attribute("x", "[1]"))
	want := strings.NewReplacer(
		"precision DEFAULT", "precision HIGHEST", "precision HIGH>", "precision HIGHEST>",
		"{ sdy.sharding", "{tf.aliasing_output = 0 : i32,  sdy.sharding", "_weight: tensor<9x2xf32>", "_weight: tensor<9x2xf32> {x = [1]}",
		": () -> tensor<f32>\n", ": () -> tensor<f32> loc(\"here/stablehlo.constant\")\n",
		"-> tensor<64x2xf32>\n", "-> tensor<64x2xf32> loc(\"here/stablehlo.dot_general\")\n",
		": (tensor<64x2xf32>, tensor<f32>) -> tensor<f32>\n", ": (tensor<64x2xf32>, tensor<f32>) -> tensor<f32> loc(\"here/stablehlo.reduce\")\n",
		": (tensor<f32>, tensor<9x2xf32>) -> ()\n", ": (tensor<f32>, tensor<9x2xf32>) -> () loc(\"here/stablehlo.return\")\n",
	).Replace(written)
	if got := main.Apply(edits); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := main.Apply(nil); got != written {
		t.Errorf("without edits: got\n%s", got)
	}
}

// A module becomes one for more devices in its header alone, whatever strings and comments say; one that is written otherwise
// is refused.
func TestWiden(t *testing.T) {
	for _, test := range []struct{ name, text, want, wrong string }{
		{
			"go-xla's", written,
			strings.Replace(strings.Replace(written, "num_partitions = 8", "num_partitions = 64", 1), `<["data"=8]>`, `<["data"=64]>`, 1), "",
		},
		{
			"two meshes",
			"module @\"sdy.mesh {\" attributes { note = \"stablehlo.num_partitions = 1\", stablehlo.num_partitions = 2 : i32 } {\n" +
				"// sdy.mesh @no = <[\"a\"=1]>\n sdy.mesh @a = <[\"stablehlo.num_partitions = 3\" = 2]>\nsdy.mesh @b=<[\"b\"=2]>\nfunc.func @main() {sdy.mesh @c = <[\"c\"=2]>} }",
			"module @\"sdy.mesh {\" attributes { note = \"stablehlo.num_partitions = 1\", stablehlo.num_partitions = 64 : i32 } {\n" +
				"// sdy.mesh @no = <[\"a\"=1]>\n sdy.mesh @a = <[\"stablehlo.num_partitions = 3\" = 64]>\nsdy.mesh @b=<[\"b\"=64]>\nfunc.func @main() {sdy.mesh @c = <[\"c\"=2]>} }",
			"",
		},
		{"MLIR's", printed, "", "no attributes"},
		{"no module", "func.func @main() {}", "", "no module"},
		{"no partitions", "module attributes {a = 1} {}", "", "no stablehlo.num_partitions"},
		{"no number", "module attributes {stablehlo.num_partitions = x} {}", "", "want a number"},
		{"unclosed", "module attributes {stablehlo.num_partitions = 1", "", "unclosed"},
		{"no mesh", "module attributes {stablehlo.num_partitions = 1} {func.func @main() {}}", "", "no mesh"},
		{"two axes", `module attributes {stablehlo.num_partitions = 4} {sdy.mesh @m = <["a"=2, "b"=2]>}`, "", "want ] at byte"},
		{"an order", `module attributes {stablehlo.num_partitions = 2} {sdy.mesh @m = <["a"=2], device_ids=[1, 0]>}`, "", "want > at byte"},
	} {
		got, err := stablehlo.Widen(test.text, 64)
		switch {
		case test.wrong == "" && (err != nil || got != test.want):
			t.Errorf("%s: %v, got\n%s\nwant\n%s", test.name, err, got, test.want)
		case test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)):
			t.Errorf("%s: error %v, want one that says %q", test.name, err, test.wrong)
		}
	}
}
