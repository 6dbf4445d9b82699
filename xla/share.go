package xla

import (
	"fmt"
	"math"
	"os"
	"strconv"

	"github.com/mocotpu/mocotpu/xla/host/limits"
)

// Variables of the environment that the CPU engine's plugin reads when its first client is made.
const (
	// threadsVariable is XLA's: the threads of its pools. Without it XLA counts the CPUs of the machine, and a container
	// with a quota of two on a machine of 64 has 64 threads wait for each other.
	threadsVariable = "PJRT_NPROC"
	// memoryVariable is the plugin's: the bytes that the process may use, of which it keeps a share for buffers to come.
	memoryVariable = "MOCOTPU_MEMORY"
	// convolutionsVariable leaves all convolutions to xla, or to onednn, as the plugin does by default but for some gradients.
	convolutionsVariable = "MOCOTPU_CPU_CONVOLUTIONS"
)

// maxThreads is more than the CPUs of any machine; each thread of a pool takes memory.
const maxThreads = 4096

// checkHost refuses what the variables cannot say, before anything is loaded: the plugin and XLA take their defaults for it.
func checkHost() error {
	if wish := os.Getenv(convolutionsVariable); wish != "" && wish != "xla" && wish != "onednn" {
		return fmt.Errorf("%w: %s=%q, want onednn or xla, or unset it", ErrOptions, convolutionsVariable, wish)
	}
	for _, v := range []struct {
		name, what string
		most       int64
	}{{threadsVariable, "threads", maxThreads}, {memoryVariable, "bytes", math.MaxInt64}} {
		wish := os.Getenv(v.name)
		if n, err := strconv.ParseInt(wish, 10, 64); wish != "" && (err != nil || n < 1 || n > v.most) {
			return fmt.Errorf("%w: %s=%q, want a number of %s from 1 to %d, or unset it", ErrOptions, v.name, wish, v.what, v.most)
		}
	}
	return nil
}

// shareHost tells the CPU engine what this process may take of the machine, unless the user has.
func shareHost() error {
	for name, value := range map[string]int64{threadsVariable: int64(limits.CPUs()), memoryVariable: limits.Memory()} {
		if os.Getenv(name) != "" {
			continue
		}
		if err := os.Setenv(name, strconv.FormatInt(value, 10)); err != nil {
			return fmt.Errorf("xla: %w", err)
		}
	}
	return nil
}
