package main

import (
	"fmt"
	"math"
	"strings"
)

var hostTargets = []string{"v3-32", "v5e-64", "v4-128", "h100x8x2"}

func hostCommand(target string) string {
	return fmt.Sprintf("mocotpu compile --preset=moco-v2 --precision=bfloat16 --per-device=32 --topology=%s", target)
}

// hosts says what several hosts exchange, and what each of them reads.
func hosts() *record {
	return &record{
		key:   1,
		Title: "Several hosts, computed",
		Text: []string{"MoCo v2 (ResNet-50, 224 pixels) in bfloat16 with 32 images and one BatchNorm group a device: what one host sends in a step, and reads for ideal ones. " +
			"Nothing here ran."},
		Software: "libtpu 0.0.52 and jax-cuda13-pjrt 0.10.2",
		Columns: []string{
			"on", "hosts", "batch", "sent by a host to itself, MB", "to other hosts, MB", "of that gradients", "ideal step, ms", "each host reads, img/s", "MB/s, packed", "cores that decode it",
		},
		Notes: []string{
			"The least that the exchanges take, whatever the compiler's algorithm; a host decodes most images of a folder for the shapes of shuffled ones as well, which a packed set does without.",
		},
		Commands: []string{hostCommand(strings.Join(hostTargets, ",")), "make computed"},
	}
}

func hostRows(c *compiler, r *record) error {
	for _, name := range hostTargets {
		command := hostCommand(name)
		if !c.wanted(command) {
			continue
		}
		p, err := c.compile(command)
		if err != nil {
			return err
		}
		if !p.Fits || p.Reading == nil {
			return fmt.Errorf("results: %s: it does not fit, or nothing is known of reading", command)
		}
		var within, between, gradients int64
		for _, e := range p.Collective {
			if within, between = within+e.Within, between+e.Between; e.Purpose == "gradients" {
				gradients += e.Between
			}
		}
		mb := func(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/1e6) }
		r.put(name, fmt.Sprint(p.Target.Hosts), fmt.Sprint(p.Program.Batch), mb(within), mb(between), mb(gradients), fmt.Sprintf("%.1f", 1e3*p.Time.Step),
			fmt.Sprintf("%.0f", p.Reading.Images), fmt.Sprintf("%.0f", p.Reading.Bytes/1e6), fmt.Sprintf("%.0f", math.Ceil(p.Reading.Cores)))
		if err := c.save(); err != nil {
			return err
		}
	}
	return nil
}
