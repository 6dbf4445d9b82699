package plan

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// afterRemat is the column of the micro-batches, which is there if a program has any.
const afterRemat = 5

// WriteTable writes a line for each of several plans: how targets, batches or settings compare. Where one has several hosts,
// the last columns are what each sends to others in a step, and reads.
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
	if slices.ContainsFunc(plans, func(p *Plan) bool { return p.Target.Hosts > 1 }) {
		rows[0] = append(rows[0], ">hosts", ">MB between", ">reads img/s", ">MB/s", ">cores to decode")
		for i, p := range plans {
			rows[1+i] = append(rows[1+i], ofHosts(p)...)
		}
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

// ofHosts are the cells of what a host sends and reads.
func ofHosts(p *Plan) []string {
	cells := []string{fmt.Sprintf(">%d", p.Target.Hosts), ">-", ">-", ">-", ">-"}
	if p.Target.Hosts == 0 {
		cells[0] = ">-"
	} else if p.Fits {
		var between int64
		for _, c := range p.Collective {
			between += c.Between
		}
		cells[1] = fmt.Sprintf(">%.1f", float64(between)/1e6)
	}
	if r := p.Reading; r != nil && p.Fits {
		cells[2], cells[3] = fmt.Sprintf(">%.0f", r.Images), fmt.Sprintf(">%.0f", r.Bytes/1e6)
		if r.Cores > 0 {
			cells[4] = fmt.Sprintf(">%.0f", math.Ceil(r.Cores))
		}
	}
	return cells
}
