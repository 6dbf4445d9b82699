package xla

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/limits"
	"github.com/mocotpu/mocotpu/xla/internal/stablehlo"
)

// Donation in a program's text: an argument of @main with the attribute tf.aliasing_output = N shares its memory with
// output N. go-xla writes no such attributes, so they are put into the text on its way to the compiler.

const (
	aliasAttribute = "tf.aliasing_output"
	donorAttribute = "jax.buffer_donor"
)

// donate returns the edits that add aliasAttribute to the arguments of @main that aliases names (argument -> output), and
// why it left others alone: a type or sharding that is not the output's, or an argument that is marked already. An index
// that does not exist, or an output that is named twice, is an error.
func donate(main *stablehlo.Function, aliases map[int]int) (marks []stablehlo.Edit, ignored []string, err error) {
	args, results := main.Args, main.Results
	donors := make([]int, 0, len(aliases))
	for arg := range aliases {
		donors = append(donors, arg)
	}
	slices.Sort(donors)
	taken := map[int]int{}
	for _, arg := range donors {
		result := aliases[arg]
		if arg < 0 || arg >= len(args) {
			return nil, nil, fmt.Errorf("parameter %d is donated, the program has %d", arg, len(args))
		}
		if result < 0 || result >= len(results) {
			return nil, nil, fmt.Errorf("parameter %d is donated to output %d, the program has %d", arg, result, len(results))
		}
		if other, ok := taken[result]; ok {
			return nil, nil, fmt.Errorf("parameters %d and %d are both donated to output %d", other, arg, result)
		}
		taken[result] = arg
		a, r := args[arg], results[result]
		if why := unfit(a, r); why != "" {
			ignored = append(ignored, fmt.Sprintf("parameter %d, output %d: %s", arg, result, why))
			continue
		}
		marks = append(marks, a.Attribute(aliasAttribute, fmt.Sprintf("%d : i32", result)))
	}
	return marks, ignored, nil
}

// unfit says why argument a cannot share its memory with result r, or "".
func unfit(a, r stablehlo.Value) string {
	switch {
	case a.Type != r.Type:
		return fmt.Sprintf("type %s, the output's is %s", a.Type, r.Type)
	case a.Attributes[aliasAttribute] != "" || a.Attributes[donorAttribute] != "":
		return "it is marked as donated already"
	case sharding(a) != sharding(r): // its part on a device may have another size
		return fmt.Sprintf("sharding %q, the output's is %q", sharding(a), sharding(r))
	}
	return ""
}

func sharding(v stablehlo.Value) string {
	return v.Attributes["sdy.sharding"] + v.Attributes["mhlo.sharding"]
}

// Donated is what the donated arguments of a program take, in bytes, by its text in StableHLO: the sizes of whole arrays, of
// which each device has a copy where they are replicated, as state is. It is 0 for a text without @main.
func Donated(program string) (bytes int64) {
	main, err := stablehlo.Main(program)
	if err != nil {
		return 0
	}
	for _, arg := range main.Args {
		if arg.Attributes[aliasAttribute] != "" {
			bytes = limits.Sum(bytes, tensorBytes(arg.Type))
		}
	}
	return bytes
}

// tensorBytes is the size of a type such as tensor<2x3xbf16>; 0 for one whose elements have no number of bits.
func tensorBytes(typ string) int64 {
	typ, _, _ = strings.Cut(strings.TrimPrefix(typ, "tensor<"), ">")
	dims := strings.Split(typ, "x")
	element := dims[len(dims)-1]
	bits, err := strconv.ParseInt(strings.TrimLeft(element, "abcdefghijklmnopqrstuvwxyz"), 10, 64)
	if err != nil {
		return 0
	}
	for _, d := range dims[:len(dims)-1] {
		n, err := strconv.ParseInt(d, 10, 64)
		if err != nil {
			return 0
		}
		bits = limits.Product(bits, n)
	}
	return bits/8 + min(bits%8, 1)
}
