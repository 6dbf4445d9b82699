package runflags

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// wanted says in words what a flag of one of pflag's types takes.
var wanted = map[string]string{
	"bool": "true or false", "int": "a whole number", "uint64": "a whole number from 0", "float64": "a number",
	"intSlice": "whole numbers with commas between them, such as 1,10", "float64Slice": "numbers with commas between them, such as 1,2.5",
	"duration": "a duration with its unit, such as 30s or 5m",
}

// FlagError is an error of pflag with what the flag wants, or the flag that was probably meant.
func FlagError(cmd *cobra.Command, err error) error {
	return fmt.Errorf("%w%s", explain(err), didYouMean(cmd, err))
}

// explain is an error of pflag with what the flag wants, where the error has no more than the text of a package of Go.
func explain(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	f := invalid.GetFlag()
	want := wanted[f.Value.Type()]
	if want == "" {
		return err
	}
	if errors.Is(err, strconv.ErrRange) {
		want = "a number nearer to 0"
	}
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	return fmt.Errorf("invalid argument %q for %q flag: want %s", invalid.GetValue(), name, want)
}
