package cpuplugin_test

import (
	"strings"
	"testing"

	"github.com/gomlx/go-xla/pjrt"
)

func wantError(t *testing.T, err error, says ...string) {
	t.Helper()
	for _, s := range says {
		if err == nil || !strings.Contains(err.Error(), s) {
			t.Fatalf("got %v, want an error that says %q", err, s)
		}
	}
}

const channel = ", channel_handle = #stablehlo.channel_handle<handle = 1, type = 1>"

func permute(pairs, attributes string) string {
	return `module @permute {
  func.func public @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    %0 = "stablehlo.collective_permute"(%x) {source_target_pairs = dense<` + pairs + `> : tensor<1x2xi64>` + attributes + `} : (tensor<4xf32>) -> tensor<4xf32>
    return %0 : tensor<4xf32>
  }
}`
}

// XLA checks most programs; it does not check permutes in programs of one replica, or one partition.
func TestBadPrograms(t *testing.T) {
	client := newClient(t, 8)
	tests := []struct {
		name, program, says string
		replicas            int
	}{
		{"no MLIR", "module {", "Failed to parse", 0},
		{"wrong type", strings.Replace(double, "add %x, %x", "add %x, %y", 1), "undeclared SSA value", 0},
		{"permute of replicas", permute("[[0, 1]]", ""), "the program has 1 replica(s)", 0},
		{"permute of partitions", permute("[[0, 1]]", channel), "the program has 1 partition(s)", 8},
		{"more replicas than devices", double, "9", 9},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := compiling(client, test.replicas, test.program).Done()
			wantError(t, err, test.says)
		})
	}
}

func TestBadDeviceAssignments(t *testing.T) {
	client := newClient(t, 8)
	for _, test := range []struct {
		assignment []int
		says       string
	}{
		{[]int{3, 3}, "more than once"},
		{[]int{0, 99}, "does not exist"},
	} {
		_, err := compiling(client, 2, double).WithDeviceAssignment(test.assignment).Done()
		wantError(t, err, test.says)
	}
}

// In a launch on several devices these would leave the others waiting in the collective, and abort the process.
func TestBadArguments(t *testing.T) {
	client := newClient(t, 8)
	exe := compile(t, client, 8, sumOf8)
	for _, test := range []struct {
		name, says string
		spoil      func(args []*pjrt.Buffer) []*pjrt.Buffer
	}{
		{"wrong shape", "argument 0 of device 3 has shape f32[2]", func(args []*pjrt.Buffer) []*pjrt.Buffer {
			args[3] = fromHost(t, client, 3, []float32{1, 2}, 2)
			return args
		}},
		{"wrong device", "argument 0 of device 3 is on", func(args []*pjrt.Buffer) []*pjrt.Buffer {
			args[3], args[4] = args[4], args[3]
			return args
		}},
		{"too many", "the program wants 1", func(args []*pjrt.Buffer) []*pjrt.Buffer { return append(args, args...) }},
	} {
		_, err := exe.Execute(test.spoil(shards(t, client))...).DonateNone().Done()
		wantError(t, err, test.says)
	}
	if _, err := exe.Execute(shards(t, client)...).Done(); err != nil {
		t.Errorf("after the refusals: %v", err)
	}
}

func TestBadClientOptions(t *testing.T) {
	plugin := newClient(t, 1).Plugin()
	for _, options := range []pjrt.NamedValuesMap{
		{"cpu_device_count": int64(0)}, {"cpu_device_count": int64(1 << 20)}, {"cpu_device_count": "8"}, {"cpus": int64(8)},
	} {
		client, err := plugin.NewClient(options)
		if err == nil {
			client.Destroy()
		}
		wantError(t, err, "cpu_device_count")
	}
}

// Go's finalizers run in any order: buffers and programs may outlive their client.
func TestDestroyInAnyOrder(t *testing.T) {
	client := newClient(t, 8)
	args := shards(t, client)
	exe := compile(t, client, 8, sumOf8)
	out, err := exe.Execute(args...).DonateNone().Done()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Destroy(); err != nil {
		t.Fatal(err)
	}
	for _, b := range append(args, out...) {
		if err := b.Destroy(); err != nil {
			t.Errorf("buffer after its client: %v", err)
		}
	}
	if err := exe.Destroy(); err != nil {
		t.Errorf("program after its client: %v", err)
	}
	if got := newClient(t, 2).NumDevices(); got != 2 {
		t.Errorf("the next client: got %d devices, want 2", got)
	}
}
