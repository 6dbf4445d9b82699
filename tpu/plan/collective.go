package plan

import (
	"fmt"

	"github.com/mocotpu/mocotpu/xla/hlo"
)

// A Collective is one kind of exchange of a step.
type Collective struct {
	Op      string `json:"op"`
	Purpose string `json:"purpose"` // see [Purpose]
	Count   int    `json:"count"`   // in a step: one in a loop counts as often as the loop runs it
	// Bytes is what a device has afterwards, over all Count.
	Bytes int64 `json:"bytes"`
	// Groups says which devices exchange with one another: "1 x 8" is one group of eight.
	Groups string `json:"groups"`
	// Seconds at the links' bandwidth, 0 where it is not known or where all devices are on one chip. Devices of a chip
	// exchange at no cost. With c chips, b bytes of a chip and the bandwidth w of all links of a chip each way:
	// all-reduce 2(c-1)/c b/w, all-gather and reduce-scatter (c-1)/c b/w, all-to-all the longer of (c-1)/c b/w and half
	// of each half's data over the links across the middle of the longest axis (no wrap-around), anything else b/w.
	//
	// With n GPUs, each with the bandwidth w to all others of its host: all-reduce 2(n-1)/n b/w, all-gather, reduce-scatter and
	// all-to-all (n-1)/n b/w, anything else b/w. Over several hosts the network among them may take longer: what a host
	// exchanges with the others goes through the network of all its GPUs, an all-to-all's through that of each.
	Seconds float64 `json:"seconds"`
}

// collectives sums up a program's exchanges by opcode, purpose and groups, in their order.
func collectives(m *hlo.Module, t Target) []Collective {
	var all []Collective
	for _, c := range m.Collectives() {
		groups, purpose := describe(c.Groups, t.Devices), Purpose(c)
		at := -1
		for i, seen := range all {
			if seen.Op == c.Op && seen.Purpose == purpose && seen.Groups == groups {
				at = i
			}
		}
		if at < 0 {
			at = len(all)
			all = append(all, Collective{Op: c.Op, Purpose: purpose, Groups: groups})
		}
		all[at].Count += c.Times
		all[at].Bytes += int64(c.Times) * c.Bytes
		all[at].Seconds += float64(c.Times) * t.exchange(c.Op, c.Bytes)
	}
	return all
}

// describe writes groups of devices: "1 x 8", or "2 x 4, 1 x 2" if they differ in size.
func describe(groups [][]int64, devices int) string {
	if len(groups) == 0 {
		return fmt.Sprintf("1 x %d", devices)
	}
	text := ""
	for i := 0; i < len(groups); {
		n := 0
		size := len(groups[i])
		for i < len(groups) && len(groups[i]) == size {
			i, n = i+1, n+1
		}
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d x %d", n, size)
	}
	return text
}

// exchange is the time of a collective after which a device has so many bytes: see Collective.Seconds.
func (t Target) exchange(op string, bytes int64) float64 {
	if t.GPUs {
		return t.switched(op, float64(bytes))
	}
	c := float64(t.chips())
	if t.Link == 0 || c == 1 {
		return 0
	}
	b := float64(bytes)
	out := t.Link * float64(t.links())
	switch op {
	case "all-reduce":
		return 2 * (c - 1) / c * b / out
	case "all-gather", "reduce-scatter":
		return (c - 1) / c * b / out
	case "all-to-all":
		b *= float64(t.PerChip)
		across := c / 2 * b / 2 / (t.Link * c / float64(t.longest()))
		return max((c-1)/c*b/out, across)
	}
	return b / out
}

// switched is the time of an exchange among GPUs.
func (t Target) switched(op string, b float64) float64 {
	n, hosts := float64(t.Devices), float64(t.Hosts)
	if n == 1 || t.Switch == 0 || hosts > 1 && t.Network == 0 {
		return 0
	}
	inside, outside := 1.0, 1.0 // how often b goes over the bandwidth of a GPU
	each := n / hosts
	switch op {
	case "all-reduce":
		inside, outside = 2*(n-1)/n, 2*(hosts-1)/hosts/each
	case "all-gather", "reduce-scatter":
		inside, outside = (n-1)/n, (hosts-1)/hosts/each
	case "all-to-all":
		inside, outside = (n-1)/n, (n-each)/n
	}
	if hosts == 1 {
		return inside * b / t.Switch
	}
	return max(inside*b/t.Switch, outside*b/t.Network)
}
