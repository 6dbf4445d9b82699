// Command mocotpu trains image encoders by Momentum Contrast (MoCo) on TPUs, GPUs and CPUs.
//
// Results go to standard output, talk to standard error. Exit codes: 0 done, 1 failed, 2 wrong use or input,
// 130 interrupted after a checkpoint.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one ends the process at once, as usual.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
