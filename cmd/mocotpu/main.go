// Command mocotpu trains image encoders by Momentum Contrast (MoCo) on TPUs, GPUs and CPUs.
//
// Results go to standard output, talk to standard error. Exit codes: 0 done, 1 failed, 2 wrong use or input,
// 3 the program does not fit its target, 4 a run is not as --expect has it, 70 the engine ended the process, 75 another
// process of the run failed or is gone; 129 hung up (SIGHUP), 130 interrupted (SIGINT), 141 nobody reads the output any more
// (SIGPIPE) and 143 terminated (SIGTERM), all after a checkpoint.
package main

import (
	"context"
	"os"

	"github.com/mocotpu/mocotpu/xla/host/guard"
	"github.com/mocotpu/mocotpu/xla/host/limits"
)

func main() {
	guard.Quiet()
	limits.Apply()
	if serveJobs() {
		return
	}
	os.Exit(command())
}

// command runs the process's arguments under its signals.
func command() int {
	ctx, stop := guard.Signals(context.Background(), os.Stderr)
	defer stop()
	return execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
}
