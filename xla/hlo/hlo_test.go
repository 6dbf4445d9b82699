package hlo

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
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
		got = append(got, fmt.Sprintf("%s %d bytes in %d arrays, groups %v, x%d", c.Op, c.Bytes, len(c.Shapes), c.Groups, c.Count))
	}
	want := []string{
		"all-to-all 1200 bytes in 8 arrays, groups [[0 1 2 3 4 5 6 7]], x1",
		"all-reduce 820 bytes in 3 arrays, groups [[0 1 2 3 4 5 6 7]], x1",
		"all-gather 3584 bytes in 1 arrays, groups [[0 1 2 3 4 5 6 7]], x1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	opcodes := map[string]int{}
	for _, c := range m.Computations {
		for _, i := range c.Instructions {
			opcodes[i.Opcode]++
		}
	}
	if opcodes["all-reduce"] != 1 || opcodes["convolution"]+opcodes["dot"] != 5 || opcodes["parameter"] == 0 {
		t.Errorf("got opcodes %v", opcodes)
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
			readAll(m)
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
			readAll(m)
		}
	})
}

// readAll calls all that reads a module.
func readAll(m *Module) {
	m.Collectives()
	m.Temporaries()
	m.Cost()
	_ = m.WriteText(io.Discard)
	for _, c := range m.Computations {
		for _, i := range c.Instructions {
			i.Shape.Bytes()
			i.Shape.Stored()
		}
	}
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
		{"a shape that is no message", "hlo", module(1, computation(1, 1, msg{}.text(1, "broken").bytes(3, []byte{0xff}))), "hlo: module: proto"},
		{"groups", "hlo", module(1, computation(1, 1, msg{}.text(1, "sum").bytes(92, msg{}.int(1, 3).int(2, 2).packed(3, 4)))), "instruction sum: iota groups: 3 groups of 2, of 4 devices"},
		{"a layout of other axes", "hlo", module(1, computation(1, 1, inst(1, "add", tiledArray(f32, []int64{2, 3}, []int64{2, 0}, nil, 0)))), "f32[2,3]: the layout [2 0] is no order"},
		{"an operand of its own", "hlo", module(1, computation(1, 1, inst(1, "bitcast", array(f32), 1))), "operand 1 is not among the instructions before it"},
		{"long lists of groups", "hlo", module(1, computation(1, 1, slices.Repeat([]msg{msg{}.bytes(92, msg{}.int(1, 1).int(2, 1<<20).packed(3, 1<<20))}, 17)...)), "devices in the module's groups together"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Read(test.format, test.data); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if m, err := Read("hlo_with_config", msg{}.int(9, 4).bytes(2, nil).bytes(1, good).double(7, 1)); err != nil || m.Computations[0].Instructions[0].Opcode != "add" {
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
		s := readOne(t, msg{}.bytes(3, test.data)).Shape
		if s.String() != test.text || s.Bytes() != test.bytes {
			t.Errorf("got %s of %d bytes, want %s of %d", s, s.Bytes(), test.text, test.bytes)
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
			if got := readOne(t, test.data).Groups; !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	for name, bad := range map[string]msg{
		"permutation":         msg{}.bytes(92, msg{}.int(1, 2).int(2, 2).packed(3, 2, 2).packed(4, 0, 0)),
		"too many":            msg{}.bytes(92, msg{}.int(1, 1<<40).int(2, 1).packed(3, 1<<40)),
		"product wraps":       msg{}.bytes(92, msg{}.int(1, 1).int(2, 1).packed(3, 4, 1<<62)),
		"groups wrap":         msg{}.bytes(92, msg{}.int(1, 1<<60+1).int(2, 1<<4).packed(3, 16)),
		"zero":                msg{}.bytes(92, msg{}.int(1, 1).int(2, 1).packed(3, 0)),
		"an axis split at 4":  msg{}.bytes(93, msg{}.bytes(1, mesh(6)).bytes(2, part(0, 1, 4))),
		"axis 3 of 1":         msg{}.bytes(93, msg{}.bytes(1, mesh(6)).bytes(2, msg{}.int(1, 3))),
		"axis of size 0":      msg{}.bytes(93, msg{}.bytes(1, mesh(0)).bytes(2, msg{}.int(1, 0))),
		"a large axis":        msg{}.bytes(93, msg{}.bytes(1, mesh(1<<40)).bytes(2, msg{}.int(1, 0))),
		"an axis named twice": msg{}.bytes(93, msg{}.bytes(1, mesh(2)).bytes(2, msg{}.int(1, 0)).bytes(2, msg{}.int(1, 0))),
	} {
		if m, err := Read("hlo", module(1, computation(1, 1, bad))); err == nil {
			t.Errorf("%s: no error, but %v", name, m.Computations[0].Instructions[0].Groups)
		}
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
		op, opName string
		bytes      int64
		count      int
	}
	var got []line
	for _, c := range m.Collectives() {
		got = append(got, line{c.Op, c.OpName, c.Bytes, c.Count})
	}
	want := []line{
		{"all-gather", "keys", 32 * 128 * 4, 2},
		{"all-reduce", "", 3*3*8*8*4 + 4, 1},
		{"all-reduce", "", 2 * 64 * 4, 1},
		{"all-reduce", "", 4, 1},
		{"all-reduce", "", 4, 1},
		{"all-to-all", "", 2 * 2 * 128 * 4, 1},
		{"all-gather", "", 32 * 8 * 8 * 3, 1},
		{"collective-permute", "", 4 * 9 * 9 * 3 * 2, 1},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
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

func TestAliases(t *testing.T) {
	m := module(1, computation(1, 1, inst(1, "parameter", array(f32)))).bytes(8, msg{}.
		bytes(1, msg{}.packed(1, 0).int(2, 0).int(4, 2)).
		bytes(1, msg{}.packed(1, 1).int(2, 1).packed(3, 1)).
		bytes(1, msg{}.packed(1, 2).int(2, 9)))
	got := must.M1(Read("hlo", m)).Aliases
	want := []Alias{{Output: []int64{0}, Must: true}, {Output: []int64{1}, Parameter: 1, Index: []int64{1}}, {Output: []int64{2}, Parameter: 9}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
