package plan

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/xla"
)

// Exchanges against their closed forms: four chips of two devices in a square, with links of 82 GB/s.
func TestExchange(t *testing.T) {
	v3 := TPU(topology(t, "v3-8"), 0)
	v5e := TPU(topology(t, "v5e-64"), 0)
	gpus := func(name string) Target {
		found, err := Lookup(name, 0, "bfloat16", 0)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for _, test := range []struct {
		name   string
		target Target
		op     string
		bytes  int64
		want   float64
	}{
		{"all-reduce", v3, "all-reduce", 95e6, 2 * 3. / 4 * 95e6 / (2 * 82e9)},
		{"all-gather", v3, "all-gather", 131072, 3. / 4 * 131072 / (2 * 82e9)},
		{"all-to-all", v3, "all-to-all", 6e6, 2 * 12e6 / 2 / (2 * 82e9)},            // half of the 12 MB of each of two chips over 2 links
		{"all-to-all, large", v5e, "all-to-all", 6e6, 32 * 6e6 / 2 / (8 * 50e9)},    // half of 32 chips' data over 8 links
		{"all-reduce, large", v5e, "all-reduce", 95e6, 2 * 63. / 64 * 95e6 / 200e9}, // four links a chip
		{"permute", v5e, "collective-permute", 1e6, 1e6 / 200e9},
		{"all-reduce, NVLink", gpus("h100x8"), "all-reduce", 95e6, 2 * 7. / 8 * 95e6 / 450e9},
		{"all-gather, PCIe", gpus("l4x4"), "all-gather", 131072, 3. / 4 * 131072 / 32e9},
		{"all-to-all, NVLink", gpus("h100x8"), "all-to-all", 6e6, 7. / 8 * 6e6 / 450e9},
		{"all-reduce, two hosts", gpus("h100x8x2"), "all-reduce", 95e6, 2 * 15. / 16 * 95e6 / 450e9}, // the hosts' exchange takes 50 / 8 of that bandwidth, and half the bytes
		{"all-to-all, two hosts", gpus("h100x8x2"), "all-to-all", 6e6, 8. / 16 * 6e6 / 50e9},         // half of it crosses, through each GPU's own network
		{"two hosts, network unknown", gpus("l4x4x2"), "all-reduce", 1e9, 0},
		{"one GPU", gpus("h100"), "all-reduce", 1e9, 0},
		{"unknown machine", Engine("cpu", 8), "all-reduce", 1e9, 0},
	} {
		if got := test.target.exchange(test.op, test.bytes); math.Abs(got-test.want) > 1e-12 {
			t.Errorf("%s: got %g s, want %g", test.name, got, test.want)
		}
	}
}

func TestTime(t *testing.T) {
	target := Target{Devices: 8, Flops: 1e12, Bandwidth: 1e9}
	cost := func(flops, bytes float64) map[string]float64 {
		return map[string]float64{"flops": flops, "bytes accessed": bytes}
	}
	slow := []Collective{{Seconds: 0.5}, {Seconds: 0.5}}
	for _, test := range []struct {
		cost      map[string]float64
		exchanges []Collective
		target    Target
		bound     string
		step, eff float64
	}{
		{cost(2e12, 1e9), nil, target, BoundCompute, 2, 1},
		{cost(1e12, 4e9), slow, target, BoundMemory, 4, 0.8},
		{cost(1e11, 1e8), slow, target, BoundInterconnect, 1, 0.1 / 1.1},
		{cost(1e11, 1e8), slow, Engine("cpu", 8), "", 0, 1},
		{cost(-1, -1), nil, target, BoundMemory, 0, 1}, // libtpu's way to say that it does not know
	} {
		got := timeOf(test.cost, test.exchanges, test.target, 256)
		if got.Bound != test.bound || math.Abs(got.Step-test.step) > 1e-9 || math.Abs(got.Efficiency-test.eff) > 1e-9 {
			t.Errorf("got %+v, want %s, %g s, efficiency %g", got, test.bound, test.step, test.eff)
		}
	}
}

func TestDescribeGroups(t *testing.T) {
	for want, groups := range map[string][][]int64{
		"1 x 8":        nil,
		"2 x 4":        {{0, 1, 2, 3}, {4, 5, 6, 7}},
		"1 x 2, 2 x 3": {{0, 1}, {2, 3, 4}, {5, 6, 7}},
	} {
		if got := describe(groups, 8); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestReadFailure(t *testing.T) {
	f := readFailure(tooBig, failed(tooBig).Program)
	const state = 4 * (128*2048 + 65536*128 + 1)
	if got, want := float64(f.Needed)/(1<<30), 24.87; math.Abs(got-want) > 1e-6 || math.Abs(float64(f.Available)/(1<<30)-7.48) > 1e-6 || f.State != state {
		t.Errorf("needed %g GiB, available %d, state %d, want 24.87, 7.48 GiB, %d", got, f.Available, f.State, state)
	}
	other := readFailure("RESOURCE_EXHAUSTED: too many notes", "")
	if other.Needed != 0 || other.Available != 0 || other.Text != "RESOURCE_EXHAUSTED: too many notes" {
		t.Errorf("another text: %+v", other)
	}
}

// libtpu's other complaint, in the form that issues of JAX and PyTorch/XLA quote, comes after it has laid buffers out.
func TestReadFailureWithAllocations(t *testing.T) {
	f := readFailure(`Ran out of memory in memory space hbm. Used 7.49G of 7.48G hbm. Exceeded hbm capacity by 12.00M.

  Largest program allocations in hbm:

  1. Size: 392.00M
     Operator: op_name="backward/query.layer1.0.conv1/convolution"
     Shape: f32[128,56,56,64]{3,2,1,0:T(8,128)}
     Unpadded size: 98.00M
     Extra memory due to padding: 294.00M (4.0x expansion)
     XLA label: %fusion.6043 = f32[128,56,56,64]{3,2,1,0:T(8,128)} fusion(f32[524288]{0:T(1024)} %fusion.6673)
     Allocation type: HLO temp
     ==========================

  2. Size: 1.00G
     Shape: bf16[16,4096,4096]{1,2,0:T(8,128)(2,1)}
     Unpadded size: 1.00G
     XLA label: copy.7689 = copy(bitcast.3446)
     Allocation type: HLO temp
     ==========================
`, "")
	want := []Buffer{
		{Bytes: 392 << 20, Padding: 4, Shape: "f32[128,56,56,64]", Layer: "query.layer1.0.conv1", Operation: "convolution", Backward: true},
		{Bytes: 1 << 30, Padding: 1, Shape: "bf16[16,4096,4096]", Operation: "copy"},
	}
	if !slices.Equal(f.Largest, want) || f.Needed <= f.Available || f.Available == 0 {
		t.Errorf("needed %d of %d, allocations %+v, want %+v", f.Needed, f.Available, f.Largest, want)
	}
}

func TestAdvice(t *testing.T) {
	advice := func(f *Failure, p Program) string {
		made := &Plan{Program: p, Target: TPU(topology(t, "v2-8"), 0), Failure: f}
		var text strings.Builder
		for _, a := range made.Advice() {
			text.WriteString(a.text(made, flags) + "\n")
		}
		return text.String()
	}
	const gib = 1 << 30
	halves := []int{2048, 1024, 512}
	program := Program{Batch: 4096, Halves: halves, Groups: 8, Precision: "float32", Remat: "none"}
	for _, test := range []struct {
		name          string
		failure       *Failure
		program       Program
		want, wantNot []string
	}{
		{
			"four times too big", &Failure{Needed: 28 * gib, Available: 7 * gib}, program,
			[]string{"bfloat16: about 52 % of the temporaries; is not", "--remat=block: about 25 % of the temporaries; is not", "--batch=1024", "--topology=v2-32"},
			nil,
		},
		{
			"bfloat16 is enough", &Failure{Needed: 13 * gib, Available: 7 * gib}, program,
			[]string{"bfloat16: about 52 % of the temporaries; should do", "--batch=2048"},
			nil,
		},
		{
			"the groups of a device in micro-batches", &Failure{Needed: 21 * gib, Available: 7 * gib},
			Program{Batch: 4096, Groups: 64, Precision: "float32", Remat: "none"},
			[]string{"\n--micro=4: about 29 % of the temporaries, and the same numbers; should do\n"},
			[]string{"--micro=4 --bn-groups"},
		},
		{
			"more micro-batches", &Failure{Needed: 9 * gib, Available: 7 * gib},
			Program{Batch: 4096, Groups: 96, Precision: "bfloat16", Remat: "block", Micro: 4},
			[]string{"--micro=6: about 72 % of the temporaries, and the same numbers; should do\n"},
			nil,
		},
		{
			"a group on each device", &Failure{Needed: 13 * gib, Available: 7 * gib}, program,
			[]string{"--micro=2 --bn-groups=16: about 52 % of the temporaries, but other numbers: BatchNorm groups of 256 images instead of 512; should do\n"},
			nil,
		},
		{
			"groups that are small already", &Failure{Needed: 13 * gib, Available: 7 * gib},
			Program{Batch: 64, Groups: 8, Precision: "float32", Remat: "none"},
			nil,
			[]string{"--micro"},
		},
		{
			"all done already", &Failure{Needed: 13 * gib, Available: 7 * gib},
			Program{Batch: 4096, Halves: halves, Groups: 8, Precision: "bfloat16", Remat: "block"},
			[]string{"--batch=2048"},
			[]string{"--remat", "--precision"},
		},
		{
			"the state fills most", &Failure{Needed: 10 * gib, Available: 7 * gib, State: 6 * gib}, program,
			[]string{"block: about 49 % of the temporaries; is not", "--batch=1024"},
			nil,
		},
		{
			"the state alone is too big", &Failure{Needed: 10 * gib, Available: 7 * gib, State: 8 * gib}, program,
			[]string{"a smaller queue or encoder: the state alone takes 8192 MiB"},
			[]string{"--batch"},
		},
		{"no batch is small enough", &Failure{Needed: 1000 * gib, Available: gib}, Program{Batch: 64, Halves: []int{32, 16}, Groups: 8}, nil, []string{"--batch"}},
		{
			"nothing known", &Failure{Text: "no"}, program,
			[]string{"--precision=bfloat16: about 52 % of the temporaries\n", "--remat=block: about 49 % of the temporaries\n", "--batch=2048"},
			[]string{"should do", "not enough"},
		},
	} {
		got := advice(test.failure, test.program)
		for _, part := range test.want {
			if !strings.Contains(got, part) {
				t.Errorf("%s: no %q in\n%s", test.name, part, got)
			}
		}
		for _, part := range test.wantNot {
			if strings.Contains(got, part) {
				t.Errorf("%s: %q in\n%s", test.name, part, got)
			}
		}
	}
}

// Advice is data: what to change, to what, and what is known about it. Without the words of a reader it names settings.
func TestAdviceIsData(t *testing.T) {
	const gib = 1 << 30
	p := &Plan{
		Program: Program{Batch: 4096, Halves: []int{2048, 1024}, Groups: 8, Precision: "bfloat16", Remat: "none"}, Target: TPU(topology(t, "v2-8"), 0),
		Failure: &Failure{Needed: 28 * gib, Available: 7 * gib},
	}
	want := []Advice{
		{[]Change{{settingRemat, "block"}}, shrinkRemat, true, false},
		{[]Change{{settingMicro, "8"}, {settingGroups, "64"}}, microPart(8), true, true},
		{[]Change{{settingBatch, "1024"}}, 0, true, true},
		{[]Change{{settingTopology, "v2-32"}}, 0, true, true},
	}
	if got := p.Advice(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	var text strings.Builder
	if err := p.WriteText(&text, nil); err != nil || strings.Contains(text.String(), "--") || !strings.Contains(text.String(), "batch=1024: 128 images a device") {
		t.Errorf("error %v, text with flags, or without the batch:\n%s", err, text.String())
	}
}

// fake is a program whose memory is 100 bytes and 3 for each image, on a device of so many bytes.
func fake(usable int64) func(batch int) (*Plan, error) {
	return func(batch int) (*Plan, error) {
		p := &Plan{Program: Program{Batch: batch}, Target: Target{Usable: usable}, Memory: xla.Memory{Arguments: 100, Peak: 100 + 3*int64(batch)}}
		p.Fits = p.Memory.Peak <= usable
		return p, nil
	}
}

func TestLargestBatch(t *testing.T) {
	for _, test := range []struct {
		usable               int64
		start, granule, most int // compilations
	}{
		{100_000, 256, 64, 6},
		{100_000, 65536, 64, 11},
		{1 << 20, 256, 64, 8},
		{4000, 1024, 64, 5},
		{900, 256, 64, 4},
		{101, 256, 64, 5},
		{350, 83, 83, 3},
		{1 << 40, 256, 64, 12},
	} {
		calls := 0
		fits, tooBig, err := largestBatch(test.start, test.granule, func(batch int) (*Plan, error) {
			calls++
			if batch%test.granule != 0 || batch < 1 {
				t.Errorf("%+v: tried batch %d", test, batch)
			}
			return fake(test.usable)(batch)
		})
		if err != nil || calls > test.most {
			t.Errorf("%+v: %v, %d compilations", test, err, calls)
		}
		largest := int(test.usable-100) / 3 / test.granule * test.granule // that fits
		at := 0
		if fits != nil {
			at = fits.Program.Batch
		}
		switch {
		case largest == 0 && (fits != nil || tooBig != test.granule):
			t.Errorf("%+v: %d fits, %d does not; want none", test, at, tooBig)
		case largest > mostBatch && (tooBig != 0 || at < mostBatch/2):
			t.Errorf("%+v: %d fits, %d does not; want no limit", test, at, tooBig)
		case largest > 0 && largest <= mostBatch && (at > largest || tooBig <= largest || tooBig-at > max(test.granule, at/16)):
			t.Errorf("%+v: %d fits, %d does not; want around %d", test, at, tooBig, largest)
		}
	}
	if _, _, err := largestBatch(64, 64, func(int) (*Plan, error) { return nil, errors.New("broken") }); err == nil {
		t.Error("the error of a compilation is lost")
	}
}

func TestCheapest(t *testing.T) {
	plans := []*Plan{
		{Fits: false, Time: Time{Step: 1}}, {Fits: true, Time: Time{Step: 3}}, {Fits: true, Time: Time{Step: 2}}, {Fits: true, Time: Time{Step: 4}},
	}
	if got := cheapest(plans); got != plans[2] {
		t.Errorf("got %+v", got)
	}
	if cheapest(plans[:1]) != nil {
		t.Error("something that does not fit is the cheapest")
	}
}

// One name stands for TPUs or GPUs; what is wrong with it is said in the words of both.
func TestLookup(t *testing.T) {
	for _, test := range []struct {
		name      string
		devices   int
		precision string
		fraction  float64
		want      Target
	}{
		{"v3-8", 4, "float32", 0, Target{Name: "v3-8", Devices: 4, Usable: 1548 << 30 / 100, Flops: 61.5e12, Hosts: 1}},
		{"h100x8", 0, "bfloat16", 0, Target{Name: "h100x8", Devices: 8, Usable: 84942979072 * 3 / 4, Flops: 989.4e12, Hosts: 1}},
		{"h100x8", 4, "tf32", 0.5, Target{Name: "h100x8", Devices: 4, Usable: 84942979072 / 2, Flops: 494.7e12, Hosts: 1}},
		{"h100x8x4", 0, "float32", 0, Target{Name: "h100x8x4", Devices: 32, Usable: 84942979072 * 3 / 4, Flops: 66.9e12, Hosts: 4}},
		{"t4", 0, "bfloat16", 0, Target{Name: "t4", Devices: 1, Usable: 11838003609, Flops: 8.1e12, Hosts: 1}}, // it has no bfloat16
	} {
		got, err := Lookup(test.name, test.devices, test.precision, test.fraction)
		if err != nil || got.Name != test.want.Name || got.Devices != test.want.Devices || got.Usable != test.want.Usable || got.Flops != test.want.Flops || got.Hosts != test.want.Hosts {
			t.Errorf("%s: got %+v, %v, want %+v", test.name, got, err, test.want)
		}
	}
	for _, test := range []struct {
		name     string
		devices  int
		fraction float64
		want     string
	}{
		{"v3-9", 0, 0, "v3-8"},
		{"h1000", 0, 0, "rtx4090"},
		{"h100x8", 9, 0, "engine.devices is 9, and h100x8 has 8"},
		{"v3-8", 0, 0.5, "for GPUs"},
	} {
		if got, err := Lookup(test.name, test.devices, "float32", test.fraction); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %+v, %v, want %q", test.name, got, err, test.want)
		}
	}
}
