package plan

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// afterRemat is the column of the micro-batches, which is there if a program has any.
const afterRemat = 5

// WriteTable writes a line for each of several plans: how targets, batches or settings compare.
func WriteTable(w io.Writer, plans []*Plan) error {
	inParts := slices.ContainsFunc(plans, func(p *Plan) bool { return p.Program.Micro > 1 })
	rows := [][]string{{
		"target", ">devices", ">batch", "precision", "remat", "fits", ">peak MiB", ">of usable", ">temporaries", ">aliased", ">GFLOP", ">GB",
		">exchange MB", ">ideal ms", "bound", ">img/s", ">efficiency", ">compile s", ">host GB",
	}}
	for _, p := range plans {
		row := []string{
			p.Target.Name, fmt.Sprintf(">%d", p.Target.Devices), fmt.Sprintf(">%d", p.Program.Batch), p.Program.Precision, p.Program.Remat,
		}
		seconds, host := fmt.Sprintf(">%.0f", p.CompileSeconds), fmt.Sprintf(">%.1f", float64(p.HostBytes)/1e9)
		if !p.Fits {
			row = append(row, "no", ">-", overUsable(p), ">-", ">-", ">-", ">-", ">-", ">-", "-", ">-", ">-", seconds, host)
			rows = append(rows, row)
			continue
		}
		var exchanged int64
		for _, c := range p.Collective {
			exchanged += c.Bytes
		}
		t := p.Time
		row = append(row, "yes", fmt.Sprintf(">%.0f", float64(p.Memory.Peak)/mib), ofUsable(p.Memory.Peak, p.Target.Usable),
			fmt.Sprintf(">%.0f", float64(p.Memory.Temporaries)/mib), fmt.Sprintf(">%.0f", float64(p.Memory.Aliased)/mib),
			fmt.Sprintf(">%.0f", t.Flops/1e9), fmt.Sprintf(">%.1f", t.Bytes/1e9), fmt.Sprintf(">%.1f", float64(exchanged)/1e6))
		if t.Step > 0 {
			row = append(row, fmt.Sprintf(">%.1f", 1e3*t.Step), t.Bound, fmt.Sprintf(">%.0f", t.ImagesPerSecond), fmt.Sprintf(">%.1f %%", 100*t.Efficiency))
		} else {
			row = append(row, ">-", "-", ">-", ">-")
		}
		rows = append(rows, append(row, seconds, host))
	}
	if inParts {
		for i, p := range plans {
			rows[1+i] = slices.Insert(rows[1+i], afterRemat, fmt.Sprintf(">%d", max(1, p.Program.Micro)))
		}
		rows[0] = slices.Insert(rows[0], afterRemat, ">micro")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", plans[0].Program.Title)
	columns(&b, rows)
	_, err := io.WriteString(w, b.String())
	return err
}

func ofUsable(bytes, usable int64) string {
	if usable == 0 {
		return ">-"
	}
	return fmt.Sprintf(">%.0f %%", 100*float64(bytes)/float64(usable))
}

func overUsable(p *Plan) string { return ofUsable(p.Failure.Needed, p.Failure.Available) }
