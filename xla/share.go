package xla

import (
	"fmt"
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

// shareHost tells the CPU engine what this process may take of the machine, unless the user has, and refuses a choice of
// convolutions that there is none of: the plugin takes any other for its default.
func shareHost() error {
	if wish := os.Getenv(convolutionsVariable); wish != "" && wish != "xla" && wish != "onednn" {
		return fmt.Errorf("%w: %s=%q, want onednn or xla, or unset it", ErrOptions, convolutionsVariable, wish)
	}
	for name, value := range map[string]int64{threadsVariable: int64(limits.CPUs()), memoryVariable: limits.Memory()} {
		if _, set := os.LookupEnv(name); set {
			continue
		}
		if err := os.Setenv(name, strconv.FormatInt(value, 10)); err != nil {
			return fmt.Errorf("xla: %w", err)
		}
	}
	return nil
}
