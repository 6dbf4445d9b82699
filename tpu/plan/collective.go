package plan

import (
	"fmt"
	"math"

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
	// Within and Between are the bytes that the devices of a host send to others of it and to other hosts, over all Count; of
	// the host that sends most. It is the least that it takes: with n devices of h hosts, l of them in a host, an all-gather
	// sends (h-1)/h b between and l(n-1)/n b in all, an all-reduce twice that, a reduce-scatter n times that, an all-to-all
	// l(n-l)/n b between and l(l-1)/n b within. Anything else may go anywhere: l b between. 0 where hosts are not known.
	Within  int64 `json:"host_bytes_within"`
	Between int64 `json:"host_bytes_between"`
	// Seconds at the links' bandwidth, 0 where it is not known or where all devices are on one chip. Devices of a chip
	// exchange at no cost. With c chips, b bytes of a chip and the bandwidth w of all links of a chip each way:
	// all-reduce 2(c-1)/c b/w, all-gather (c-1)/c b/w, reduce-scatter c times that, all-to-all the longer of (c-1)/c b/w and half
	// of each half's data over the links across the middle of the longest axis (no wrap-around), anything else b/w.
	//
	// With n GPUs, each with the bandwidth w to all others of its host: all-reduce 2(n-1)/n b/w, all-gather and
	// all-to-all (n-1)/n b/w, reduce-scatter n times that, anything else b/w. Over several hosts the network among them may take longer: what a host
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
		within, between := t.sent(c.Op, float64(c.Bytes), c.Groups)
		all[at].Within += int64(c.Times) * int64(math.Round(within))
		all[at].Between += int64(c.Times) * int64(math.Round(between))
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
	case "all-gather":
		return (c - 1) / c * b / out
	case "reduce-scatter": // of c times what a device has afterwards
		return (c - 1) * b / out
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
	case "all-gather":
		inside, outside = (n-1)/n, (hosts-1)/hosts/each
	case "reduce-scatter":
		inside, outside = n-1, hosts-1
	case "all-to-all":
		inside, outside = (n-1)/n, (n-each)/n
	}
	if hosts == 1 {
		return inside * b / t.Switch
	}
	return max(inside*b/t.Switch, outside*b/t.Network)
}

// sent is what the devices of a host send to others of it and to other hosts in a collective after which a device has so many
// bytes: see Collective.Within.
func (t Target) sent(op string, b float64, groups [][]int64) (within, between float64) {
	if t.PerHost == 0 {
		return 0, 0
	}
	if len(groups) == 0 {
		all := make([]int64, t.Devices)
		for i := range all {
			all[i] = int64(i)
		}
		groups = [][]int64{all}
	}
	inside, outside := map[int64]float64{}, map[int64]float64{} // by host
	for _, group := range groups {
		members := map[int64]float64{}
		for _, device := range group {
			members[device/int64(t.PerHost)]++
		}
		n, hosts := float64(len(group)), float64(len(members))
		for host, l := range members {
			all, across := l*b, l*b // to whomever, and of that to other hosts
			switch op {
			case "all-reduce":
				all, across = 2*l*(n-1)/n*b, 2*(hosts-1)/hosts*b
			case "all-gather":
				all, across = l*(n-1)/n*b, (hosts-1)/hosts*b
			case "reduce-scatter":
				all, across = l*(n-1)*b, (hosts-1)/hosts*n*b
			case "all-to-all":
				all, across = l*(n-1)/n*b, l*(n-l)/n*b
			default:
				across *= min(1, hosts-1)
			}
			inside[host] += all - across
			outside[host] += across
		}
	}
	for host := range outside {
		within, between = max(within, inside[host]), max(between, outside[host])
	}
	return within, between
}
