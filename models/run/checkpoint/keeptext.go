package checkpoint

import (
	"fmt"
	"strconv"
	"strings"
)

// DefaultLast is how many of the newest checkpoints stay where nothing else is said.
const DefaultLast = 3

// Set reads "last=3,every=1000,best", as a flag has it, or "best=rank" with the figure to choose the best by. Without last the
// newest [DefaultLast] are kept; of the others, what it does not name is not.
func (k *Keep) Set(text string) error {
	parsed := Keep{Last: DefaultLast}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		name, value, given := strings.Cut(part, "=")
		field := map[string]*int{"last": &parsed.Last, "every": &parsed.Every}[name]
		switch {
		case name == "best" && (value != "" || !given):
			parsed.Best, parsed.BestBy = true, value
			continue
		case field == nil:
			return fmt.Errorf("%q in it, want last=N, every=STEPS, best or best=FIGURE, with commas between", part)
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			return fmt.Errorf("%q in it, want a whole number: %s=3", part, name)
		}
		*field = n
	}
	*k = parsed
	return nil
}

// String is what Set takes.
func (k Keep) String() string {
	parts := []string{fmt.Sprintf("last=%d", k.Last)}
	if k.Every != 0 {
		parts = append(parts, fmt.Sprintf("every=%d", k.Every))
	}
	if k.Best && k.BestBy != "" {
		parts = append(parts, "best="+k.BestBy)
	} else if k.Best {
		parts = append(parts, "best")
	}
	return strings.Join(parts, ",")
}

// Type is the kind of value that help prints for a flag.
func (*Keep) Type() string { return "list" }
