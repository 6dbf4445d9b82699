package hlo

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/janpfeifer/must"
)

// recorded is the program that XLA CPU made of the step in package xla's tests for 8 devices
// (go test ./xla -run TestReadProgram -update).
func recorded(t testing.TB) []byte {
	t.Helper()
	file := must.M1(os.ReadFile("testdata/step8.pb.gz"))
	return must.M1(io.ReadAll(must.M1(gzip.NewReader(bytes.NewReader(file)))))
}

// The recorded program reads as what it is.
func TestRecorded(t *testing.T) {
	m := must.M1(Read("hlo_with_config", recorded(t)))
	var got []string
	for _, c := range m.Collectives() {
		got = append(got, fmt.Sprintf("%s %s %d bytes in %d arrays, groups %v, x%d", c.Op, c.Purpose, c.Bytes, len(c.Shapes), c.Groups, c.Count))
	}
	for _, c := range m.Convolutions() {
		got = append(got, fmt.Sprintf("%d images %s, %s -> %s, kernel gradient %v", c.Batch, c.InputShape, c.KernelShape, c.OutputShape, c.FilterGradient))
	}
	got = append(got, fmt.Sprintf("%d bytes aliased", m.AliasedBytes()))
	want := []string{
		"all-to-all images 1200 bytes in 8 arrays, groups [[0 1 2 3 4 5 6 7]], x1",
		"all-reduce gradients 820 bytes in 3 arrays, groups [[0 1 2 3 4 5 6 7]], x1",
		"all-gather keys 3584 bytes in 1 arrays, groups [[0 1 2 3 4 5 6 7]], x1",
	}
	for i, w := range want {
		if i >= len(got) || got[i] != w {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			break
		}
	}
	if last := got[len(got)-1]; last != "7984 bytes aliased" {
		t.Errorf("got %s", last)
	}
	if n := len(m.Convolutions()); n != 5 {
		t.Errorf("got %d convolutions, want 5:\n%s", n, strings.Join(got, "\n"))
	}
	ops := m.Opcodes()
	if ops["all-reduce"] != 1 || ops["convolution"]+ops["dot"] != 5 || ops["parameter"] == 0 {
		t.Errorf("got opcodes %v", ops)
	}
	if entry := m.computation(m.Entry); entry == nil || !strings.HasPrefix(entry.Name, "main") {
		t.Errorf("entry computation %v", entry)
	}
}

// A program cut anywhere is an error or a shorter program, never a panic.
func TestCut(t *testing.T) {
	data := recorded(t)
	failed := 0
	for n := 0; n < len(data); n += 7 {
		if m, err := Read("hlo_with_config", data[:n]); err != nil {
			failed++
		} else {
			m.Collectives()
			m.Convolutions()
		}
	}
	if failed < len(data)/7/2 {
		t.Errorf("only %d of %d cut programs fail", failed, len(data)/7)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(module(1, computation(1, 1, inst(1, "all-reduce", array(f32, 2))))))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := Read("hlo", data); err == nil {
			m.Collectives()
			m.Convolutions()
			m.AliasedBytes()
		}
	})
}

func TestReadErrors(t *testing.T) {
	good := module(1, computation(1, 1, inst(1, "add", array(f32))))
	for _, test := range []struct {
		name, format string
		data         []byte
		want         string
	}{
		{"format", "mlir", good, `"mlir", want hlo`},
		{"empty", "hlo", nil, "without computations"},
		{"not wrapped", "hlo_with_config", []byte("\xff\xff\xff"), "hlo: "},
		{"instruction", "hlo", module(1, computation(1, 1, msg{}.text(1, "broken").bytes(3, []byte{0xff}))), "instruction broken: shape"},
		{"groups", "hlo", module(1, computation(1, 1, msg{}.bytes(92, msg{}.int(1, 3).int(2, 2).packed(3, 4)))), "3 groups of 2, of 4 devices"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Read(test.format, test.data); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if m, err := Read("hlo_with_config", msg{}.int(9, 4).bytes(2, nil).bytes(1, good).double(7, 1)); err != nil || m.Opcodes()["add"] != 1 {
		t.Errorf("a wrapped module with unknown fields: %v", err)
	}
}

func TestShape(t *testing.T) {
	for _, test := range []struct {
		data  msg
		text  string
		bytes int64
	}{
		{array(f32), "f32[]", 4},
		{array(bf16, 2, 3), "bf16[2,3]", 12},
		{msg{}.int(2, u8).plain(3, 5, 7), "u8[5,7]", 35},
		{array(22, 3), "u4[3]", 2}, // 12 bits
		{array(f32, 0, 9), "f32[0,9]", 0},
		{tuple(array(f32, 2), tuple(array(pred)), msg{}.int(2, 17)), "(f32[2], (pred[]), token[])", 9},
		{tuple(), "()", 0},
		{array(77, 2), "type77[2]", 0},
	} {
		s, err := readShape(test.data)
		if err != nil || s.String() != test.text || s.Bytes() != test.bytes {
			t.Errorf("got %s of %d bytes, %v; want %s of %d", s, s.Bytes(), err, test.text, test.bytes)
		}
	}
}

// The three forms of replica groups spell out to the same lists.
func TestGroups(t *testing.T) {
	group := func(ids ...int64) msg { return msg{}.packed(1, ids...) }
	mesh := func(sizes ...int64) msg {
		m := msg{}
		for _, s := range sizes {
			m = m.bytes(1, msg{}.text(1, "axis").int(2, s))
		}
		return m
	}
	part := func(axis, pre, size int64) msg {
		return msg{}.int(1, axis).bytes(2, msg{}.int(1, pre).int(2, size))
	}
	for _, test := range []struct {
		name string
		data msg
		want [][]int64
	}{
		{"none", msg{}, nil},
		{"legacy", msg{}.bytes(49, group(0, 2)).bytes(49, group(1, 3)), [][]int64{{0, 2}, {1, 3}}},
		{"list", msg{}.bytes(87, msg{}.bytes(1, group(0, 1)).bytes(1, group(2, 3))), [][]int64{{0, 1}, {2, 3}}},
		{"iota in list", msg{}.bytes(87, msg{}.bytes(2, msg{}.int(1, 1).int(2, 4).packed(3, 4))), [][]int64{{0, 1, 2, 3}}},
		{"iota", msg{}.bytes(92, msg{}.int(1, 2).int(2, 3).packed(3, 6)), [][]int64{{0, 1, 2}, {3, 4, 5}}},
		{"iota transposed", msg{}.bytes(92, msg{}.int(1, 3).int(2, 2).packed(3, 2, 3).packed(4, 1, 0)), [][]int64{{0, 3}, {1, 4}, {2, 5}}},
		{"mesh, whole", msg{}.bytes(93, msg{}.bytes(1, mesh(4)).bytes(2, msg{}.int(1, 0))), [][]int64{{0, 1, 2, 3}}},
		{"mesh, first axis", msg{}.bytes(93, msg{}.bytes(1, mesh(2, 3)).bytes(2, msg{}.int(1, 0))), [][]int64{{0, 3}, {1, 4}, {2, 5}}},
		{"mesh, other devices", msg{}.bytes(93, msg{}.bytes(1, mesh(2, 2).packed(2, 3, 2, 1, 0)).bytes(2, msg{}.int(1, 1))), [][]int64{{3, 2}, {1, 0}}},
		{"mesh, major half", msg{}.bytes(93, msg{}.bytes(1, mesh(4)).bytes(2, part(0, 1, 2))), [][]int64{{0, 2}, {1, 3}}},
		{"mesh, minor half", msg{}.bytes(93, msg{}.bytes(1, mesh(4)).bytes(2, part(0, 2, 2))), [][]int64{{0, 1}, {2, 3}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			i, err := readInstruction(test.data)
			if err != nil || !reflect.DeepEqual(i.Groups, test.want) {
				t.Errorf("got %v, %v; want %v", i.Groups, err, test.want)
			}
		})
	}
	for name, bad := range map[string]msg{
		"permutation": msg{}.int(1, 2).int(2, 2).packed(3, 2, 2).packed(4, 0, 0),
		"too many":    msg{}.int(1, 1<<40).int(2, 1).packed(3, 1<<40),
		"zero":        msg{}.int(1, 1).int(2, 1).packed(3, 0),
	} {
		if _, err := readIota(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := readMeshAxes(msg{}.bytes(1, mesh(6)).bytes(2, part(0, 1, 4))); err == nil {
		t.Error("an axis of 6 splits at 4")
	}
	if _, err := readMeshAxes(msg{}.bytes(1, mesh(6)).bytes(2, msg{}.int(1, 3))); err == nil {
		t.Error("axis 3 of a mesh with one axis")
	}
}

// One exchange is listed once, whatever the compiler made of it.
func TestCollectives(t *testing.T) {
	on := func(channel int64, i msg) msg { return i.int(26, channel) }
	m := must.M1(Read("hlo", module(1,
		computation(1, 9,
			on(1, inst(1, "all-gather-start", tuple(array(f32, 4, 128), array(f32, 32, 128)))),
			inst(2, "all-gather-done", array(f32, 32, 128), 1),
			on(2, inst(3, "all-reduce-start", tuple(array(f32, 3, 3, 8, 8), array(f32)))),
			inst(4, "all-reduce-done", tuple(array(f32, 3, 3, 8, 8), array(f32)), 3),
			on(3, inst(5, "all-reduce", array(f32, 2, 64))),
			inst(6, "all-reduce", array(f32)),
			inst(7, "all-reduce", array(f32)),
			on(4, inst(8, "all-to-all", tuple(array(f32, 2, 128), array(f32, 2, 128)))),
			inst(9, "add", array(f32))),
		computation(2, 1, on(1, inst(1, "all-gather", array(f32, 32, 128)).bytes(7, msg{}.text(2, "keys")))), // a copy in a fusion
		computation(3, 1, on(5, inst(1, "all-gather", array(u8, 32, 8, 8, 3)))),
		computation(4, 1, on(6, inst(1, "collective-permute-start", tuple(array(bf16, 4, 9, 9, 3), array(bf16, 4, 9, 9, 3), array(s32), array(s32))))),
	)))
	type line struct {
		op, purpose, opName string
		bytes               int64
		count               int
	}
	var got []line
	for _, c := range m.Collectives() {
		got = append(got, line{c.Op, c.Purpose, c.OpName, c.Bytes, c.Count})
	}
	want := []line{
		{"all-gather", Keys, "keys", 32 * 128 * 4, 2},
		{"all-reduce", Gradients, "", 3*3*8*8*4 + 4, 1},
		{"all-reduce", Statistics, "", 2 * 64 * 4, 1},
		{"all-reduce", Statistics, "", 4, 1},
		{"all-reduce", Statistics, "", 4, 1},
		{"all-to-all", Features, "", 2 * 2 * 128 * 4, 1},
		{"all-gather", Images, "", 32 * 8 * 8 * 3, 1},
		{"collective-permute", Images, "", 4 * 9 * 9 * 3 * 2, 1},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}

// Forward convolutions, gradients of kernels as graphs and compilers write them, library calls and matrix products are
// all found, with their number of images.
func TestConvolutions(t *testing.T) {
	nhwc := msg{}.int(7, 0).int(8, 3).packed(11, 1, 2).int(3, 2).int(4, 3).packed(6, 0, 1).int(9, 0).int(10, 3).packed(12, 1, 2)
	asWritten := msg{}.int(7, 3).int(8, 0).packed(11, 1, 2).int(3, 0).int(4, 3).packed(6, 1, 2).int(9, 2).int(10, 3).packed(12, 0, 1)
	window := func(size, dilation int64) msg {
		d := msg{}.int(1, size).int(2, 1).int(5, dilation).int(6, 1)
		return msg{}.bytes(1, d).bytes(1, d)
	}
	conv := func(i msg, dims, w msg) msg { return i.bytes(16, dims).bytes(15, w) }
	target := func(i msg, name string) msg { return i.text(28, name) }
	named := func(i msg, name string) msg { return i.bytes(7, msg{}.text(2, name)) }
	p := func(id int64, dims ...int64) msg { return inst(id, "parameter", array(f32, dims...)) }
	for _, test := range []struct {
		name     string
		module   msg
		images   int64
		gradient bool
	}{
		{"forward", module(1, computation(1, 3, p(1, 4, 9, 9, 3), p(2, 3, 3, 3, 8),
			conv(inst(3, "convolution", array(f32, 4, 9, 9, 8), 1, 2), nhwc, window(3, 1)))), 4, false},
		{"kernel gradient as written", module(1, computation(1, 3, p(1, 4, 9, 9, 3), p(2, 4, 9, 9, 8),
			conv(inst(3, "convolution", array(f32, 3, 3, 3, 8), 1, 2), asWritten, window(9, 1)))), 4, true},
		{"kernel gradient reordered", module(1, computation(1, 3, p(1, 3, 9, 9, 4), p(2, 9, 9, 4, 8),
			conv(inst(3, "convolution", array(f32, 3, 3, 3, 8), 1, 2), nhwc, window(9, 1)))), 4, true},
		{"kernel gradient with stride", module(1, computation(1, 3, p(1, 3, 2, 2, 4), p(2, 1, 1, 4, 8),
			conv(inst(3, "convolution", array(f32, 3, 1, 1, 8), 1, 2), nhwc, window(1, 2)))), 4, true},
		{"kernel gradient by groups of images", module(1, computation(1, 3, p(1, 4, 9, 9, 3), p(2, 9, 9, 1, 4),
			conv(inst(3, "convolution", array(f32, 1, 1, 1, 4), 1, 2).int(58, 4), nhwc, window(9, 1)))), 4, true},
		{"library call", module(1, computation(1, 3, p(1, 4, 9, 9, 3), p(2, 3, 3, 3, 8),
			target(inst(3, "custom-call", tuple(array(f32, 4, 9, 9, 8), array(u8, 0)), 1, 2), "__onednn$convolution"))), 4, false},
		{"cuDNN kernel gradient", module(1, computation(1, 3, p(1, 4, 9, 9, 3), p(2, 4, 9, 9, 8),
			target(inst(3, "custom-call", tuple(array(f32, 3, 3, 3, 8), array(u8, 99)), 1, 2).bytes(16, nhwc), "__cudnn$convBackwardFilter"))), 4, true},
		{"matrix product", module(1, computation(1, 4, p(1, 324, 8), p(2, 8, 16),
			named(inst(3, "dot", array(f32, 324, 16), 1, 2), "convolution.7"), inst(4, "bitcast", array(f32, 4, 9, 9, 16), 3))), 4, false},
		{"matrix product from images", module(1, computation(1, 4, p(1, 4, 9, 9, 8), inst(2, "reshape", array(f32, 324, 8), 1), p(3, 8, 16),
			named(inst(4, "dot", array(f32, 324, 16), 2, 3), "convolution.7"))), 4, false},
		{"matrix product in a fusion", module(2, computation(1, 3, p(1, 324, 8), p(2, 8, 16),
			named(inst(3, "dot", array(f32, 324, 16), 1, 2), "convolution.7")),
			computation(2, 5, p(1, 324, 8), p(2, 8, 16), inst(4, "fusion", array(f32, 324, 16), 1, 2).packed(38, 1),
				inst(5, "bitcast", array(f32, 4, 9, 9, 16), 4))), 4, false},
		{"matrix product that says nothing", module(1, computation(1, 3, p(1, 324, 8), p(2, 8, 16),
			named(inst(3, "dot", array(f32, 324, 16), 1, 2), "convolution.7"))), 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := must.M1(Read("hlo", test.module))
			c := m.Convolutions()
			if len(c) != 1 || c[0].Batch != test.images || c[0].FilterGradient != test.gradient {
				t.Errorf("got %+v, want %d images, kernel gradient %v", c, test.images, test.gradient)
			}
		})
	}
	m := must.M1(Read("hlo", module(1, computation(1, 3, p(1, 324, 8), p(2, 8, 16), named(inst(3, "dot", array(f32, 324, 16), 1, 2), "dot_general.7")))))
	if c := m.Convolutions(); len(c) != 0 {
		t.Errorf("an ordinary matrix product is listed: %v", c)
	}
}

func TestAliasedBytes(t *testing.T) {
	param := func(number int64, shape msg) msg { return inst(number+1, "parameter", shape).int(9, number) }
	m := module(1, computation(1, 1, param(0, array(f32, 4)), param(1, tuple(array(f32, 2), array(bf16, 3)))))
	m = m.bytes(8, msg{}.
		bytes(1, msg{}.packed(1, 0).int(2, 0).int(4, 2)).
		bytes(1, msg{}.packed(1, 1).int(2, 1).packed(3, 1)).
		bytes(1, msg{}.packed(1, 2).int(2, 9)))
	got := must.M1(Read("hlo", m))
	if got.AliasedBytes() != 16+6 {
		t.Errorf("got %d bytes, want 22", got.AliasedBytes())
	}
	want := []Alias{{Output: []int64{0}, Must: true}, {Output: []int64{1}, Parameter: 1, Index: []int64{1}}, {Output: []int64{2}, Parameter: 9}}
	if !reflect.DeepEqual(got.Aliases, want) {
		t.Errorf("got %+v, want %+v", got.Aliases, want)
	}
}

func TestDevices(t *testing.T) {
	build := func(m msg) []byte { return msg{}.int(4, 1).bytes(3, m) }
	for _, test := range []struct {
		options []byte
		want    int
		bad     bool
	}{
		{nil, 1, false},
		{build(msg{}.int(1, -1)), 1, false},
		{build(msg{}.int(4, 2).int(5, 4)), 8, false},
		{build(msg{}.int(5, 1<<40)), 0, true},
		{[]byte{0xff}, 0, true},
	} {
		if got, err := Devices(test.options); got != test.want || (err != nil) != test.bad {
			t.Errorf("%x: got %d, %v; want %d", test.options, got, err, test.want)
		}
	}
}
