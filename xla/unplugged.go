//go:build !cgo

package xla

import "fmt"

// noCgo is the error of a build without cgo, which opens no plugin.
func noCgo(engine string) error {
	return fmt.Errorf("%w for %s: this build has no cgo, and so the engine go alone: take --backend=go, or build with CGO_ENABLED=1 and a C compiler",
		ErrNoPlugin, engine)
}

func openPlugged(name string, _ Options) (*Engine, error) { return nil, noCgo(name) }

// OpenTopology opens libtpu's compiler for a TPU that need not be there, in a build with cgo: here it is an [ErrNoPlugin].
func OpenTopology(string, Options) (*Engine, error) { return nil, noCgo("tpu") }

// OpenGPUs opens the CUDA plugin's compiler for GPUs that need not be there, in a build with cgo: here it is an [ErrNoPlugin].
func OpenGPUs(string, int, int, Options) (*Engine, error) { return nil, noCgo("cuda") }
