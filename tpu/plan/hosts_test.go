package plan

import (
	"bytes"
	"math"
	"testing"
)

// What a host sends, against closed forms: b bytes of a device afterwards, in hosts of 8 or 4 devices.
func TestSent(t *testing.T) {
	const b = 1e6
	target := func(name string) Target {
		found, err := Lookup(name, 0, "float32", 0)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	v3, h100 := target("v3-32"), target("h100x4x2") // 4 hosts of 8, 2 of 4
	halves := [][]int64{{0, 1, 2, 3}, {4, 5, 6, 7}}
	pairs := [][]int64{{0, 4}, {1, 5}, {2, 6}, {3, 7}}
	for _, test := range []struct {
		name            string
		target          Target
		op              string
		groups          [][]int64
		within, between float64
	}{
		{"all-to-all", v3, "all-to-all", nil, 8 * 7. / 32 * b, 8 * 24. / 32 * b},
		{"all-gather", v3, "all-gather", nil, (8*31./32 - 3./4) * b, 3. / 4 * b},
		{"all-reduce", v3, "all-reduce", nil, 2 * (8*31./32 - 3./4) * b, 2 * 3. / 4 * b},
		{"reduce-scatter", v3, "reduce-scatter", nil, 32 * (8*31./32 - 3./4) * b, 32 * 3. / 4 * b},
		{"permute", v3, "collective-permute", nil, 0, 8 * b},
		{"within hosts", h100, "all-reduce", halves, 2 * 3 * b, 0}, // 4 devices, each of which sends 2 * 3/4
		{"permute within hosts", h100, "collective-permute", halves, 4 * b, 0},
		{"across hosts", h100, "all-reduce", pairs, 0, 4 * b}, // four pairs, each of which sends 2 * 1/2
		{"one host", target("h100x8"), "all-to-all", nil, 7 * b, 0},
		{"hosts unknown", Engine("cpu", 8), "all-reduce", nil, 0, 0},
	} {
		within, between := test.target.sent(test.op, b, test.groups)
		if math.Abs(within-test.within) > 1e-3 || math.Abs(between-test.between) > 1e-3 {
			t.Errorf("%s: %g within and %g between hosts, want %g and %g", test.name, within, between, test.within, test.between)
		}
	}
}

// The hosts of slices as Google offers them, and of parts of them.
func TestHosts(t *testing.T) {
	for _, test := range []struct {
		name                 string
		devices, hosts, each int
	}{
		{"v2-8", 0, 1, 8},
		{"v3-8", 2, 1, 8},
		{"v3-32", 0, 4, 8},
		{"v3-32", 12, 2, 8},
		{"v4-8", 0, 1, 8},
		{"v4-128", 0, 16, 8},
		{"v5p-16", 0, 2, 4},
		{"v5e-1", 0, 1, 1},
		{"v5e-8", 0, 1, 8},
		{"v5e-64", 0, 16, 4},
		{"v6e-16", 0, 4, 4},
		{"h100x16", 0, 1, 16},
		{"h100x8x2", 0, 2, 8},
		{"h100x8x2", 9, 2, 8},
	} {
		got, err := Lookup(test.name, test.devices, "float32", 0)
		if err != nil || got.Hosts != test.hosts || got.PerHost != test.each {
			t.Errorf("%s, %d devices: %d hosts of %d, %v, want %d of %d", test.name, test.devices, got.Hosts, got.PerHost, err, test.hosts, test.each)
		}
	}
}

// A host reads its part of the images; where these are files that are shuffled, most of them are decoded in two hosts.
func TestReading(t *testing.T) {
	files := Program{ImageBytes: 1000, DecodeRate: 50, Shuffled: true}
	memory := Program{ImageBytes: 1000}
	for _, test := range []struct {
		name    string
		program Program
		hosts   int
		want    *Reading
	}{
		{"one host", files, 1, &Reading{1, 800, 800e3, 16}},
		{"four hosts", files, 4, &Reading{4, 200, 200e3, 7}}, // 200 * 1.75 / 50
		{"no files", memory, 4, &Reading{4, 200, 200e3, 0}},
		{"images of no known size", Program{}, 4, nil},
	} {
		got := readingOf(test.program, Target{Hosts: test.hosts}, Time{ImagesPerSecond: 800})
		if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
	if got := readingOf(files, Target{Hosts: 4}, Time{}); got != nil {
		t.Errorf("without a step's time: %+v", got)
	}
}

// The reports of a program for several hosts: which exchanges leave a host, and what each reads.
func TestReportsOfHosts(t *testing.T) {
	half := glyphs
	half.Precision, half.ImageBytes, half.DecodeRate, half.Shuffled = "bfloat16", 256*256*3, 664, true
	two, err := Lookup("h100x4x2", 0, half.Precision, 0)
	if err != nil {
		t.Fatal(err)
	}
	several, err := makePlan(recordedGPU(t), two, half)
	if err != nil {
		t.Fatal(err)
	}
	unknown := two
	unknown.Name, unknown.Network = "l4x4x2", 0
	slow, err := makePlan(recordedGPU(t), unknown, half)
	if err != nil {
		t.Fatal(err)
	}
	one := planOf(t, recorded(t), "v3-8", glyphs)
	unfit := planOf(t, failed(tooBig), "v2-8", glyphs)
	for name, write := range map[string]func(*bytes.Buffer) error{
		"hosts.txt":       func(b *bytes.Buffer) error { return several.WriteText(b, flags) },
		"hosts-table.txt": func(b *bytes.Buffer) error { return WriteTable(b, []*Plan{several, slow, one, unfit}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}
