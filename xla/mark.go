package xla

import (
	"fmt"
	"slices"
	"strings"
)

// Donation in a program's text: an argument of @main with the attribute tf.aliasing_output = N shares its memory with
// output N. go-xla writes no such attributes, so they are put into the text on its way to the compiler.

const (
	aliasAttribute = "tf.aliasing_output"
	donorAttribute = "jax.buffer_donor"
)

// markDonated adds aliasAttribute to the arguments of @main that aliases names (argument -> output). It returns the new
// text, how many arguments it marked, and why it left others alone: a type or sharding that is not the output's, or an
// argument that is marked already. An index that does not exist, or an output that is named twice, is an error.
func markDonated(text string, aliases map[int]int) (marked string, n int, ignored []string, err error) {
	args, results, err := signature(text)
	if err != nil {
		return "", 0, nil, err
	}
	donors := make([]int, 0, len(aliases))
	for arg := range aliases {
		donors = append(donors, arg)
	}
	slices.Sort(donors)
	taken := map[int]int{}
	var out strings.Builder
	at := 0
	for _, arg := range donors {
		result := aliases[arg]
		if arg < 0 || arg >= len(args) {
			return "", 0, nil, fmt.Errorf("parameter %d is donated, the program has %d", arg, len(args))
		}
		if result < 0 || result >= len(results) {
			return "", 0, nil, fmt.Errorf("parameter %d is donated to output %d, the program has %d", arg, result, len(results))
		}
		if other, ok := taken[result]; ok {
			return "", 0, nil, fmt.Errorf("parameters %d and %d are both donated to output %d", other, arg, result)
		}
		taken[result] = arg
		a, r := args[arg], results[result]
		if why := unfit(a, r); why != "" {
			ignored = append(ignored, fmt.Sprintf("parameter %d, output %d: %s", arg, result, why))
			continue
		}
		out.WriteString(text[at:a.insert])
		at = a.insert
		attribute := fmt.Sprintf("%s = %d : i32", aliasAttribute, result)
		switch {
		case !a.hasDict:
			fmt.Fprintf(&out, " {%s}", attribute)
		case len(a.attributes) == 0:
			out.WriteString(attribute)
		default:
			out.WriteString(attribute + ", ")
		}
		n++
	}
	out.WriteString(text[at:])
	return out.String(), n, ignored, nil
}

// unfit says why argument a cannot share its memory with result r, or "".
func unfit(a, r value) string {
	switch {
	case a.typ != r.typ:
		return fmt.Sprintf("type %s, the output's is %s", a.typ, r.typ)
	case a.attributes[aliasAttribute] != "" || a.attributes[donorAttribute] != "":
		return "it is marked as donated already"
	case a.sharding() != r.sharding(): // its part on a device may have another size
		return fmt.Sprintf("sharding %q, the output's is %q", a.sharding(), r.sharding())
	}
	return ""
}
