package runflags

import (
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/models/run"
)

// otherValue is a value that a flag does not have.
func otherValue(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return map[string]string{"true": "false", "false": "true"}[f.Value.String()]
	case "intSlice":
		return "3,4"
	case "list":
		return "last=77"
	case "figure@epoch>=number":
		return "knn@1>=7"
	case "min,max":
		return "0.1,0.7"
	case "b,c,s,h":
		return "0.7,0,0,0"
	case "string":
		if f.Name == viewsFlag {
			return "v2"
		}
		return "other"
	}
	return "77"
}

// Every flag changes the field that it is annotated with, and nothing else.
func TestFlagsChangeTheirFields(t *testing.T) {
	bound := pflag.NewFlagSet("", pflag.ContinueOnError)
	bindConfig(bound, &run.Config{})
	count := 0
	bound.VisitAll(func(f *pflag.Flag) {
		count++
		before, after := run.Glyphs(), run.Glyphs()
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		bindConfig(flags, &after)
		if err := flags.Set(f.Name, otherValue(flags.Lookup(f.Name))); err != nil {
			t.Fatal(err)
		}
		field := f.Annotations[fieldOf][0]
		for _, line := range run.Diff(before, after) {
			views := strings.HasPrefix(field, "views.") && strings.HasPrefix(line, "views.") // an operation comes with its place
			if !strings.HasPrefix(line, field) && !views {
				t.Errorf("--%s changes %q, want a change of %s alone", f.Name, line, field)
			}
		}
		if reflect.DeepEqual(before, after) {
			t.Errorf("--%s changes nothing, want a change of %s", f.Name, field)
		}
	})
	if count < 40 {
		t.Errorf("%d flags, want all of them", count)
	}
}
