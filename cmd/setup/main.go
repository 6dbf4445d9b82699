// Command setup is mocotpu setup alone. It builds in a fraction of the time, so that make downloads an engine while the command
// is being compiled.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/mocotpu/mocotpu/xla/setup"
)

const usage = "usage: setup ENGINE [--compile-only]"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) (code int) {
	o := setup.Options{Progress: func(text string) { fmt.Fprintln(os.Stderr, text) }}
	if len(args) == 2 && args[1] == "--compile-only" {
		o.CompileOnly = true
		args = args[:1]
	}
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, usage)
		return 2
	}
	p, err := setup.Install(ctx, args[0], o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(p.Ready())
	return 0
}
