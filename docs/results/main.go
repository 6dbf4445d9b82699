// Command results writes the recorded measurements into the pages that show them: `go run ./docs/results` in the root of
// the repository, which is `make results`.
//
// A measurement is a file NAME.json beside this program: a table with its machine, date, revision and commands. A page
// is README.md or a file of docs. What stands in a page between two such lines is replaced:
//
//	<!-- result NAME -->    heading, text, table, notes, and how it was measured
//	<!-- table NAME -->     the table, and how it was measured
//	<!-- end -->
//
// To record a new measurement, edit the JSON and run the program. Figures stand in no other place. What compilers say of TPUs and
// GPUs that are not there needs no hands: `go run ./docs/results compute NAME [WORD]` compiles with bin/mocotpu, as make
// computed does, and writes NAME.json; `compute mnist` trains, as make mnist does.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/mocotpu/mocotpu/xla/host/durable"
	"github.com/mocotpu/mocotpu/xla/host/guard"
)

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func command(args []string) error {
	switch {
	case len(args) == 0:
		return update(".")
	case len(args) > 3 || len(args) == 1 || args[0] != "compute":
		return fmt.Errorf("results: got %q, want nothing, or compute NAME [WORD]", args)
	}
	ctx, stop := guard.Signals(context.Background(), os.Stderr)
	defer stop()
	return compute(ctx, ".", args[1], append(args, "")[2])
}

// update brings the pages of a repository up to date.
func update(root string) error {
	pages, err := fillAll(root)
	if err != nil {
		return err
	}
	for name, p := range pages {
		if p.now == p.wanted {
			continue
		}
		if err := durable.Replace(durable.Disk{}, name, []byte(p.wanted)); err != nil {
			return err
		}
		fmt.Println(name)
	}
	return nil
}
