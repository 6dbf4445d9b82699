package machine

import (
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sys/cpu"
)

// multipliesBFloat16 reports whether this processor has the instructions by which the cpu engine convolves in bfloat16.
func multipliesBFloat16() bool {
	return runtime.GOARCH != "amd64" || cpu.X86.HasAVX512BF16 || cpu.X86.HasAMXBF16
}

// bfloat16Note says what bfloat16 gains on a processor that does not multiply it; docs/results/avx2.json has the measurement.
const bfloat16Note = "this processor has no bfloat16 instructions: on the cpu engine bfloat16 gains next to nothing over --precision=float32, which is more exact"

// WriteProcessor says in which precision the cpu engine is fast on this processor.
func WriteProcessor(w io.Writer) {
	writeProcessor(w, multipliesBFloat16())
}

func writeProcessor(w io.Writer, bfloat16 bool) {
	if bfloat16 {
		fmt.Fprintln(w, "bfloat16: this processor multiplies it, the cpu engine is faster in it")
		return
	}
	fmt.Fprintln(w, "bfloat16: "+bfloat16Note)
}
