package cpuplugin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/go-xla/pjrt"
)

const (
	double = `module @double {
  func.func public @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    %0 = stablehlo.add %x, %x : tensor<4xf32>
    return %0 : tensor<4xf32>
  }
}`
	sumOf8 = `module @sum {
  func.func public @main(%x: tensor<4xf32>) -> tensor<4xf32> {
    %0 = "stablehlo.all_reduce"(%x) ({
      ^bb0(%a: tensor<f32>, %b: tensor<f32>):
        %s = stablehlo.add %a, %b : tensor<f32>
        stablehlo.return %s : tensor<f32>
    }) {replica_groups = dense<[[0, 1, 2, 3, 4, 5, 6, 7]]> : tensor<1x8xi64>} : (tensor<4xf32>) -> tensor<4xf32>
    return %0 : tensor<4xf32>
  }
}`
)

func TestOneDevice(t *testing.T) {
	client := newClient(t, 1)
	if n := client.NumDevices(); n != 1 {
		t.Errorf("got %d devices, want 1", n)
	}
	exe := compile(t, client, 0, double)
	if exe.NumOutputs != 1 || exe.Name != "double" {
		t.Errorf("got name %q and %d outputs, want double and 1", exe.Name, exe.NumOutputs)
	}
	for i := range 3 {
		x := float32(i)
		out, err := exe.Execute(fromHost(t, client, 0, []float32{x, 1, 2, 3}, 4)).OnDeviceByNum(0).Done()
		if err != nil {
			t.Fatal(err)
		}
		if got := toHost[float32](t, out[0]); !slices.Equal(got, []float32{2 * x, 2, 4, 6}) {
			t.Errorf("got %v, want [%g 2 4 6]", got, 2*x)
		}
	}
}

// shards is one buffer per device: device d has d, 10d, 100d, 1.
func shards(t *testing.T, client *pjrt.Client) []*pjrt.Buffer {
	var list []*pjrt.Buffer
	for d := range client.NumDevices() {
		x := float32(d)
		list = append(list, fromHost(t, client, d, []float32{x, 10 * x, 100 * x, 1}, 4))
	}
	return list
}

func TestAllReduceOnEightDevices(t *testing.T) {
	client := newClient(t, 8)
	exe := compile(t, client, 8, sumOf8)
	for range 2 {
		out, err := exe.Execute(shards(t, client)...).Done()
		if err != nil {
			t.Fatal(err)
		}
		if len(out) != 8 {
			t.Fatalf("got %d outputs, want 8", len(out))
		}
		for d, b := range out {
			if got := toHost[float32](t, b); !slices.Equal(got, []float32{28, 280, 2800, 8}) {
				t.Errorf("device %d: got %v, want [28 280 2800 8]", d, got)
			}
		}
	}
}

const collectiveTemplate = `module @collective {
  func.func public @main(%%x: tensor<8xf32>) -> tensor<%sxf32> {
    %%0 = %s : (tensor<8xf32>) -> tensor<%[1]sxf32>
    return %%0 : tensor<%[1]sxf32>
  }
}`

// Device d holds d*10 + 0..7.
func TestCollectives(t *testing.T) {
	const groups = `replica_groups = dense<[[0, 1, 2, 3], [4, 5, 6, 7]]> : tensor<2x4xi64>`
	tests := []struct {
		name, size, op string
		want           func(device, i int) float32
	}{
		{
			"all-gather", "32", `"stablehlo.all_gather"(%x) {all_gather_dim = 0 : i64, ` + groups + `}`,
			func(d, i int) float32 { return float32((d/4*4+i/8)*10 + i%8) },
		},
		{
			"all-to-all", "8", `"stablehlo.all_to_all"(%x) {split_dimension = 0 : i64, concat_dimension = 0 : i64, ` +
				`split_count = 4 : i64, ` + groups + `}`,
			func(d, i int) float32 { return float32((d/4*4+i/2)*10 + d%4*2 + i%2) },
		},
		{
			"reduce-scatter", "2", `"stablehlo.reduce_scatter"(%x) ({
      ^bb0(%a: tensor<f32>, %b: tensor<f32>):
        %s = stablehlo.add %a, %b : tensor<f32>
        stablehlo.return %s : tensor<f32>
    }) {scatter_dimension = 0 : i64, ` + groups + `}`,
			func(d, i int) float32 { return float32((d/4*16+6)*10 + 4*(d%4*2+i)) },
		},
		{
			"collective-permute", "8", `"stablehlo.collective_permute"(%x) {source_target_pairs = ` +
				`dense<[[0, 1], [1, 0], [6, 7]]> : tensor<3x2xi64>}`,
			func(d, i int) float32 {
				if from, ok := map[int]int{1: 0, 0: 1, 7: 6}[d]; ok {
					return float32(from*10 + i)
				}
				return 0
			},
		},
	}
	client := newClient(t, 8)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			exe := compile(t, client, 8, fmt.Sprintf(collectiveTemplate, test.size, test.op))
			var in []*pjrt.Buffer
			for d := range 8 {
				x := make([]float32, 8)
				for i := range x {
					x[i] = float32(10*d + i)
				}
				in = append(in, fromHost(t, client, d, x, 8))
			}
			out, err := exe.Execute(in...).Done()
			if err != nil {
				t.Fatal(err)
			}
			for d, b := range out {
				for i, got := range toHost[float32](t, b) {
					if want := test.want(d, i); got != want {
						t.Errorf("device %d element %d: got %g, want %g", d, i, got, want)
					}
				}
			}
		})
	}
}

// An argument that the program's text marks as aliased gives its memory to the output, and is gone.
func TestDonation(t *testing.T) {
	client := newClient(t, 1)
	marked := strings.Replace(double, "%x: tensor<4xf32>)", "%x: tensor<4xf32> {tf.aliasing_output = 0 : i32})", 1)
	for _, test := range []struct {
		name, program string
		alias         int64
	}{{"marked", marked, 16}, {"not marked", double, 0}} {
		t.Run(test.name, func(t *testing.T) {
			exe := compile(t, client, 0, test.program)
			if exe.OnDeviceMemoryUsageStats.Aliases != test.alias {
				t.Errorf("aliased: got %d bytes, want %d", exe.OnDeviceMemoryUsageStats.Aliases, test.alias)
			}
			kept := fromHost(t, client, 0, []float32{1, 2, 3, 4}, 4)
			given := fromHost(t, client, 0, []float32{1, 2, 3, 4}, 4)
			if _, err := exe.Execute(kept).DonateNone().OnDeviceByNum(0).Done(); err != nil {
				t.Fatal(err)
			}
			if got := toHost[float32](t, kept); !slices.Equal(got, []float32{1, 2, 3, 4}) {
				t.Errorf("not donated: got %v, want what it was", got)
			}
			out, err := exe.Execute(given).DonateAll().OnDeviceByNum(0).Done()
			if err != nil {
				t.Fatal(err)
			}
			if got := toHost[float32](t, out[0]); !slices.Equal(got, []float32{2, 4, 6, 8}) {
				t.Errorf("got %v, want [2 4 6 8]", got)
			}
		})
	}
}

func TestMemoryStats(t *testing.T) {
	client := newClient(t, 1)
	stats := compile(t, client, 0, double).OnDeviceMemoryUsageStats
	if stats.Inputs != 16 || stats.Outputs != 16 {
		t.Errorf("got %d bytes in and %d out, want 16 and 16", stats.Inputs, stats.Outputs)
	}
}
