package plan

import (
	"fmt"
	"strings"
)

// writeKernels writes what GPUs run.
func (p *Plan) writeKernels(b *strings.Builder) {
	k := p.Kernels
	if k == nil {
		return
	}
	fmt.Fprint(b, "\nkernels of a step\n")
	rows := [][]string{{"kind", ">count", ">GB", ">GFLOP", ">ideal ms"}}
	row := func(name string, one Kind) {
		rows = append(rows, []string{
			name, fmt.Sprintf(">%d", one.Count), fmt.Sprintf(">%.3f", one.Bytes/1e9), fmt.Sprintf(">%.1f", one.Flops/1e9), milliseconds(one.Seconds),
		})
	}
	var all Kind
	for _, one := range k.Kinds {
		row(one.Name, one)
		all.Count, all.Bytes, all.Flops, all.Seconds = all.Count+one.Count, all.Bytes+one.Bytes, all.Flops+one.Flops, all.Seconds+one.Seconds
	}
	row("all", all)
	row("of them only transpose, copy or convert", k.Moves)
	row("... an argument, such as a weight", k.ArgumentMoves)
	columns(b, rows)
	fmt.Fprintf(b, "  %d would take less than the 2 us that starting one takes; starting all takes %.2f ms, and the step %.2f ms if none took less\n",
		k.Short, 1e3*k.Launching, 1e3*k.Floored)
	fmt.Fprintf(b, "  about %d to start, with what XLA puts into %s by default\n", k.Launches, count(k.Graphs, "CUDA graph"))
	for _, s := range k.BFloat16 {
		fmt.Fprintf(b, "  sums in bfloat16: %s, %.1f MiB\n", count(s.Count, s.Name), s.Bytes/mib)
	}
	if len(k.Convolutions) == 0 {
		return
	}
	fmt.Fprint(b, "\nconvolutions of cuDNN\n")
	rows = [][]string{{"pass", "axes", "types", ">count"}}
	for _, c := range k.Convolutions {
		rows = append(rows, []string{c.Pass, c.Axes, c.Types, fmt.Sprintf(">%d", c.Count)})
	}
	columns(b, rows)
}
