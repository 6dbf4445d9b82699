package plan

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/mocotpu/mocotpu/xla"
)

const mib = 1 << 20

// WriteText writes the plan as a report for people. say, which may be nil, has their words for what they can change.
func (p *Plan) WriteText(w io.Writer, say Say) error {
	var b strings.Builder
	t := p.Target
	fmt.Fprintf(&b, "%s\n", p.Program.Title)
	fmt.Fprintf(&b, "for %s: %s%s, batch %d = %d a device, %d BatchNorm groups, %s%s%s\n", t.Name, count(t.Devices, "device"), t.inHosts(), p.Program.Batch,
		p.Program.Batch/t.Devices, p.Program.Groups, p.Program.Precision, recomputed[p.Program.Remat], p.Program.inParts())
	if p.Fits {
		p.writeMemory(&b)
		p.writeLargest(&b)
		p.writeCollectives(&b)
		p.writeTime(&b)
		p.writeReading(&b)
		p.writeKernels(&b)
	} else {
		p.writeFailure(&b, say)
	}
	earlier := ""
	if p.Stored {
		earlier = ", earlier"
	}
	cost := ""
	if p.CompileSeconds > 0 {
		cost = fmt.Sprintf(" in %.0f s and %.1f GB of the machine's memory%s,", p.CompileSeconds, float64(p.HostBytes)/1e9, earlier)
	}
	fmt.Fprintf(&b, "\ncompiled%s by %s\n", cost, strings.Join(strings.Fields(p.Compiler), " "))
	_, err := io.WriteString(w, b.String())
	return err
}

// recomputed says what the backward pass computes again, by Program.Remat.
var recomputed = map[string]string{"block": ", each block computed again in the backward pass"}

// inParts says in how many micro-batches a device computes.
func (p Program) inParts() string {
	if p.Micro <= 1 {
		return ""
	}
	return fmt.Sprintf(", in %d micro-batches", p.Micro)
}

// columns writes rows of cells, aligned; a cell that starts with > is aligned to the right.
func columns(b *strings.Builder, rows [][]string) {
	widths := map[int]int{}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(strings.TrimPrefix(cell, ">")))
		}
	}
	var aligned strings.Builder
	t := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			if text, right := strings.CutPrefix(cell, ">"); right {
				cell = strings.Repeat(" ", widths[i]-len(text)) + text
			}
			cells[i] = cell
		}
		fmt.Fprintln(t, "  "+strings.Join(cells, "\t"))
	}
	_ = t.Flush() // a Builder does not fail
	for line := range strings.Lines(aligned.String()) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
}

func (p *Plan) writeMemory(b *strings.Builder) {
	m := p.Memory
	fmt.Fprint(b, "\nmemory of a device, MiB\n")
	columns(b, [][]string{
		{"arguments", inMiB(m.Arguments)},
		{"outputs", inMiB(m.Outputs)},
		{"of them aliased", inMiB(m.Aliased), fmt.Sprintf("%s hold their new values where the old ones were", count(p.Donated, "donated argument"))},
		{"temporaries", inMiB(m.Temporaries)},
		{"program", inMiB(m.Code)},
		{"peak", inMiB(m.Peak), p.peakNote()},
	})
	if p.Recomputed > 0 {
		fmt.Fprintf(b, "  the compiler runs %s again so as to keep less in memory\n", count(p.Recomputed, "operation"))
	}
	if usable := p.Target.Usable; usable > 0 && p.Fits {
		fmt.Fprintf(b, "  fits: %s %.0f %% of the %.0f MiB that a program may use\n", bar(m.Peak, usable), 100*float64(m.Peak)/float64(usable),
			float64(usable)/mib)
	}
}

// peakNote says what the peak leaves out.
func (p *Plan) peakNote() string {
	if !p.Target.GPUs {
		return ""
	}
	return "at least: without a GPU nothing is timed, and cuDNN's algorithms and their scratch memory stay open"
}

// bar draws part of whole.
func bar(part, whole int64) string {
	const width = 40
	n := min(width, int(width*part/whole))
	return "[" + strings.Repeat("#", n) + strings.Repeat(".", width-n) + "]"
}

func (p *Plan) writeLargest(b *strings.Builder) {
	if len(p.Largest) == 0 {
		return
	}
	var sum int64
	for _, l := range p.Largest {
		sum += l.Bytes
	}
	fmt.Fprintf(b, "\nlargest of the %d temporaries at the fullest moment: %.0f of %.0f MiB (by the lifetimes of values)\n", p.Values,
		float64(sum)/mib, float64(p.Lifetimes)/mib)
	writeBuffers(b, p.Largest)
}

func writeBuffers(b *strings.Builder, buffers []Buffer) {
	rows := [][]string{{">MiB", ">padding", "array", "layer", "operation"}}
	for _, l := range buffers {
		pass := ""
		if l.Backward {
			pass = ", backward"
		}
		rows = append(rows, []string{inMiB(l.Bytes), fmt.Sprintf(">%.1fx", l.Padding), l.Shape, l.Layer, l.Operation + pass})
	}
	columns(b, rows)
}

func (p *Plan) writeCollectives(b *strings.Builder) {
	if len(p.Collective) == 0 {
		fmt.Fprint(b, "\nno exchange among devices\n")
		return
	}
	fmt.Fprint(b, "\nexchanges of a step\n")
	rows := [][]string{{"operation", "of", ">count", ">MiB", "groups", ">ideal ms"}}
	hosts := p.Target.Hosts > 1
	if hosts {
		rows[0] = append(rows[0], ">within a host, MiB", ">between hosts, MiB")
	}
	var within, between int64
	for _, c := range p.Collective {
		row := []string{c.Op, c.Purpose, fmt.Sprintf(">%d", c.Count), inMiB(c.Bytes), c.Groups, milliseconds(c.Seconds)}
		if hosts {
			row = append(row, anyMiB(c.Within), anyMiB(c.Between))
		}
		rows = append(rows, row)
		within, between = within+c.Within, between+c.Between
	}
	if hosts {
		rows = append(rows, []string{"sent by a host", "", "", "", "", "", anyMiB(within), anyMiB(between)})
	}
	columns(b, rows)
}

func (p *Plan) writeTime(b *strings.Builder) {
	t := p.Time
	fmt.Fprint(b, "\ntime of a step, were everything ideal\n")
	if t.Step == 0 {
		fmt.Fprintf(b, "  %.4g GFLOP, %.4g GB of memory traffic a device; the peaks of %s are not known here\n", t.Flops/1e9, t.Bytes/1e9, p.Target.Name)
		return
	}
	mark := func(bound string) string {
		if bound == t.Bound {
			return "<- bounds it"
		}
		return ""
	}
	columns(b, [][]string{
		{"compute", fmt.Sprintf(">%.4g GFLOP", t.Flops/1e9), fmt.Sprintf("at %.4g TFLOP/s", p.Target.Flops/1e12), milliseconds(t.Compute) + " ms", mark(BoundCompute)},
		{"memory", fmt.Sprintf(">%.4g GB", t.Bytes/1e9), fmt.Sprintf("at %.4g GB/s", p.Target.Bandwidth/1e9), milliseconds(t.Memory) + " ms", mark(BoundMemory)},
		{"interconnect", "", p.Target.network(), milliseconds(t.Interconnect) + " ms", mark(BoundInterconnect)},
	})
	each, digits := "", 1
	if p.Target.GPUs {
		each, digits = " kernel by kernel", 2
	}
	fmt.Fprintf(b, "  ideal%s: %.*f ms, %.0f img/s; %.1f %% of that if no exchange hides behind computing\n", each, digits, 1e3*t.Step, t.ImagesPerSecond, 100*t.Efficiency)
	fmt.Fprintf(b, "  peaks: %s\n", p.Target.Source)
}

func (p *Plan) writeFailure(b *strings.Builder, say Say) {
	f, ran, what := p.Failure, p.Memory != xla.Memory{}, "would make it fit (estimates; "+say.one(Change{Setting: settingFit})+" compiles them)"
	if ran && p.Target.GPUs {
		fmt.Fprint(b, "\nDOES NOT FIT: the compiler laid the program out, and it takes more of a GPU's memory than the engine does\n")
	} else if ran {
		fmt.Fprint(b, "\nDOES NOT FIT: the compiler laid the program out, and a device had too little memory left to run it\n")
		what = "takes less (estimates)"
	} else {
		fmt.Fprint(b, "\nDOES NOT FIT: the compiler found no way to lay the program out in a device's memory\n")
	}
	if f.Available > 0 {
		fmt.Fprintf(b, "  %s it takes %.0f MiB, %.0f of them state, and may use %.0f\n", bar(f.Needed, f.Available), float64(f.Needed)/mib, float64(f.State)/mib, float64(f.Available)/mib)
	} else {
		fmt.Fprintf(b, "  %s\n", strings.ReplaceAll(f.Text, "\n", "\n  "))
	}
	if ran {
		p.writeMemory(b)
		p.writeLargest(b)
	}
	if len(f.Largest) > 0 {
		fmt.Fprint(b, "\nlargest allocations that the compiler names\n")
		writeBuffers(b, f.Largest)
	}
	if advice := p.Advice(); len(advice) > 0 {
		fmt.Fprintf(b, "\nwhat %s\n", what)
		for _, a := range advice {
			fmt.Fprintf(b, "  %s\n", a.text(p, say))
		}
	}
}

func inMiB(n int64) string { return fmt.Sprintf(">%.1f", float64(n)/mib) }

// anyMiB is inMiB that tells none from little.
func anyMiB(n int64) string {
	if n == 0 {
		return ">-"
	}
	return inMiB(n)
}

func milliseconds(s float64) string { return fmt.Sprintf(">%.2f", 1e3*s) }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
