package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/models/run/checkpoint"
)

// keepValue is the flag of a checkpoint.Keep: "last=3,every=1000,best". What it does not name is not kept.
type keepValue checkpoint.Keep

func (k *keepValue) Set(text string) error {
	var parsed keepValue
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		name, value, _ := strings.Cut(part, "=")
		field := map[string]*int{"last": &parsed.Last, "every": &parsed.Every}[name]
		switch {
		case part == "best":
			parsed.Best = true
			continue
		case field == nil:
			return fmt.Errorf("%q in it, want last=N, every=STEPS or best, with commas between", part)
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

func (k *keepValue) String() string {
	parts := []string{fmt.Sprintf("last=%d", k.Last)}
	if k.Every != 0 {
		parts = append(parts, fmt.Sprintf("every=%d", k.Every))
	}
	if k.Best {
		parts = append(parts, "best")
	}
	return strings.Join(parts, ",")
}

func (*keepValue) Type() string { return "list" }
