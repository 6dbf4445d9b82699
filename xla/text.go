package xla

import (
	"fmt"

	"github.com/mocotpu/mocotpu/xla/internal/stablehlo"
)

// prepare returns a program's text as the compiler gets it: with the donations of aliases (argument -> output) marked,
// every operation named by its layer, the precision of products set and, if asked for, sums over devices in float32. It says how many arguments are marked, and why
// others are not (see donate). A text that go-xla did not write, or without @main, stays as it is where it can; donations
// that cannot be marked are errors.
func prepare(text string, aliases map[int]int, exact, sumsWide bool, devices int) (prepared string, marked int, ignored []string, err error) {
	main, err := stablehlo.Main(text)
	if err != nil {
		if len(aliases) == 0 {
			return text, 0, nil, nil
		}
		return "", 0, nil, fmt.Errorf("donate: %w", err)
	}
	edits, ignored, err := donate(main, aliases)
	if err != nil {
		return "", 0, nil, fmt.Errorf("donate: %w", err)
	}
	marked = len(edits)
	operations, err := main.Operations()
	if err != nil {
		operations = nil // of another form than go-xla's
	}
	all, ofImages := locate(main, operations), takesImages(main.Args)
	if sumsWide {
		edits = append(edits, wideSums(main, all, devices)...)
	}
	for _, o := range all {
		if o.name != "" && !o.Located {
			edits = append(edits, o.Locate(o.name))
		}
		if precision := precisionOf(o.Operation, o.name, ofImages, exact); precision != "" {
			edits = append(edits, main.Enum(o.Operation, "precision", precision)...)
		}
	}
	return main.Apply(edits), marked, ignored, nil
}
