//go:build cgo

package xla

import (
	"fmt"
	"os"

	"github.com/gomlx/go-xla/pjrt"
)

// topologyEnvironment is what libtpu wants on a host without TPU: without the first it asks a metadata server for
// minutes; without the second a process aborts while another has libtpu open; the third keeps it from writing logs; the
// others it would warn about.
var topologyEnvironment = [][2]string{
	{"TPU_SKIP_MDS_QUERY", "1"},
	{"ALLOW_MULTIPLE_LIBTPU_LOAD", "1"},
	{"TPU_LOG_DIR", "disabled"},
	{"TPU_ACCELERATOR_TYPE", "v5litepod-8"},
	{"TPU_WORKER_HOSTNAMES", "localhost"},
	{"TPU_WORKER_ID", "0"},
}

// OpenTopology opens libtpu's compiler for a TPU that need not be there: a topology in libtpu's words, such as
// "v3:2x2x1" (package tpu knows the names that people use). The engine is called "tpu"; it builds and compiles programs
// for the topology's devices, host by host as on the slice itself, and reads them, and whatever needs a device fails with Unimplemented. Options.Devices uses
// the first that many, 0 all; Options.Plugin is the path of a libtpu.so; Options.Programs is not used, since a program
// can only be loaded onto a device.
//
// A program that does not fit the device's memory fails to compile with ResourceExhausted. libtpu can't be told to stop
// compiling, and a fault in it ends the process: use a process of its own. It sets environment variables that a TPU
// host's own libtpu would take for true (TPU_*), unless they are set: don't Open("tpu") in the same process.
func OpenTopology(topology string, o Options) (*Engine, error) {
	if o.Devices < 0 {
		return nil, fmt.Errorf("xla: %d devices, want 0 or more", o.Devices)
	}
	found, err := findPlugin("tpu", o)
	if err != nil {
		return nil, err
	}
	for _, v := range topologyEnvironment {
		if _, set := os.LookupEnv(v[0]); !set {
			if err := os.Setenv(v[0], v[1]); err != nil {
				return nil, fmt.Errorf("xla: topology %s: %w", topology, err)
			}
		}
	}
	return found.open("tpu", true, pjrt.NamedValuesMap{"topology": topology}, o.Devices, nil)
}

// OpenGPUs opens the CUDA plugin's compiler for GPUs that need not be there: hosts of so many GPUs each, all alike, of which
// target describes one (XLA's GpuTargetConfigProto as text; package tpu/nvidia writes it). Neither driver nor GPU is needed.
// The engine is called "cuda"; it builds and compiles programs and reads them, and whatever needs a device fails with
// Unimplemented. Options.Devices uses the first that many, 0 all; Options.Plugin is the path of a plugin; Options.TF32 is as
// for [Open]; Options.Programs is not used.
//
// Nothing is timed, since there is nothing to time on: the algorithms of convolutions and their scratch memory stay
// undecided, and tiles have default sizes. Such a program shows what XLA makes of a step; it is not the one to run. A program
// that is too large for a GPU's memory compiles, see tpu/plan.
func OpenGPUs(target string, hosts, each int, o Options) (*Engine, error) {
	if o.Devices < 0 || hosts < 1 || each < 1 {
		return nil, fmt.Errorf("xla: %d devices of %d hosts of %d GPUs, want at least 0, 1 and 1", o.Devices, hosts, each)
	}
	found, err := findPlugin("cuda", o)
	if err != nil {
		return nil, err
	}
	e, err := found.open("cuda", true, pjrt.NamedValuesMap{
		"topology": fmt.Sprintf("1x%dx%d", hosts, each), "target_config": target,
	}, o.Devices, nil)
	if err != nil {
		return nil, err
	}
	e.exact = !o.TF32
	return e, nil
}
