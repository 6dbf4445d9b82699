package hlo

import (
	"strings"
	"testing"
)

// tiledArray is an array with a layout: the order of its axes from the fastest, tiles, and where it lies.
func tiledArray(kind int64, dims, order []int64, tiles [][]int64, space int64) msg {
	layout := msg{}.packed(1, order...)
	for _, tile := range tiles {
		layout = layout.bytes(6, msg{}.packed(1, tile...))
	}
	return array(kind, dims...).bytes(5, layout.int(8, space))
}

// Sizes in memory are those of whole tiles, along the axes as they lie: the examples of XLA's document on tiled layouts,
// and what libtpu reserves for a narrow activation.
func TestStored(t *testing.T) {
	for _, test := range []struct {
		name  string
		data  msg
		bytes int64
		text  string
	}{
		{"plain", array(f32, 3, 5), 60, "f32[3,5]"},
		{"3x5 in tiles of 2x2", tiledArray(f32, []int64{3, 5}, []int64{1, 0}, [][]int64{{2, 2}}, 0), 4 * 4 * 6, "f32[3,5]{1,0:T(2,2)}"},
		{"transposed", tiledArray(f32, []int64{3, 130}, []int64{0, 1}, [][]int64{{8, 128}}, 0), 4 * 136 * 128, "f32[3,130]{0,1:T(8,128)}"},
		{"16 channels", tiledArray(f32, []int64{16, 32, 32, 16}, []int64{3, 2, 1, 0}, [][]int64{{8, 128}}, 0), 4 * 16 * 32 * 32 * 128, "f32[16,32,32,16]{3,2,1,0:T(8,128)}"},
		{"packed pairs", tiledArray(bf16, []int64{9, 100}, []int64{1, 0}, [][]int64{{8, 128}, {2, 1}}, 0), 2 * 16 * 128, "bf16[9,100]{1,0:T(8,128)(2,1)}"},
		{"a vector", tiledArray(f32, []int64{130}, []int64{0}, [][]int64{{128}}, 1), 4 * 256, "f32[130]{0:T(128)S(1)}"},
		{"a tile with more axes", tiledArray(f32, []int64{10}, []int64{0}, [][]int64{{2, 8}}, 0), 4 * 2 * 16, "f32[10]{0:T(2,8)}"},
		{"a tuple", tuple(array(f32, 2), array(u8, 3)), 11, "(f32[2], u8[3])"},
	} {
		s := readOne(t, msg{}.bytes(3, test.data)).Shape
		if s.Stored() != test.bytes || s.laidOut() != test.text {
			t.Errorf("%s: got %d bytes of %s, want %d of %s", test.name, s.Stored(), s.laidOut(), test.bytes, test.text)
		}
	}
}

// scheduled is a module whose entry runs: 3 (8 bytes) from parameter 1, 5 (400) and 6 (40), a copy on the chip, then 8
// (the output) from a tuple's element. In the module's own order 6 stands before 5.
func scheduledModule() msg {
	entry := computation(1, 8,
		inst(1, "parameter", array(f32, 1000)),
		inst(3, "add", array(f32, 2), 1, 1),
		inst(6, "negate", array(f32, 10), 3),
		inst(5, "fusion", tuple(array(f32, 100), array(f32, 7)), 3),
		inst(4, "copy", tiledArray(f32, []int64{999}, []int64{0}, nil, 1), 1),
		inst(7, "get-tuple-element", array(f32, 100), 5),
		inst(2, "bitcast", array(f32, 100), 7),
		inst(8, "add", array(f32, 10), 2, 6, 4),
	)
	schedule := msg{}.bytes(1, msg{}.int(1, 1).bytes(2, msg{}.packed(1, 1, 3, 5, 7, 2, 6, 4, 8)))
	return module(1, entry).bytes(7, schedule)
}

// At the fullest moment live the element of the tuple that is used later and what is computed beside it; neither
// parameters, nor the output, nor what lies on the chip count, nor the element that nobody uses.
func TestTemporaries(t *testing.T) {
	m, err := Read("hlo", scheduledModule())
	if err != nil {
		t.Fatal(err)
	}
	live, total := m.Temporaries()
	var names []string
	for _, b := range live {
		names = append(names, b.Name+" "+b.Shape.String())
	}
	// 8 (used by 6), 400, 28 at the fusion itself; 8+400+40 at 6.
	if got, want := strings.Join(names, ", "), "fusion.5 f32[100], negate.6 f32[10], add.3 f32[2]"; got != want || total != 448 {
		t.Errorf("got %s of %d bytes, want %s of 448", got, total, want)
	}
	m.Computations[0].Schedule = nil
	if _, total := m.Temporaries(); total != 8+40+400+28 {
		t.Errorf("in the module's order %d bytes, want 476", total)
	}
}

func TestWriteText(t *testing.T) {
	m, err := Read("hlo", scheduledModule())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := m.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	const want = `HloModule test

ENTRY %computation {
  %parameter.1 = f32[1000] parameter(0)
  %add.3 = f32[2] add(%parameter.1, %parameter.1)
  %fusion.5 = (f32[100], f32[7]) fusion(%add.3)
  %get-tuple-element.7 = f32[100] get-tuple-element(%fusion.5), index=0
  %bitcast.2 = f32[100] bitcast(%get-tuple-element.7)
  %negate.6 = f32[10] negate(%add.3)
  %copy.4 = f32[999]{0:S(1)} copy(%parameter.1)
  ROOT %add.8 = f32[10] add(%bitcast.2, %negate.6, %copy.4)
}
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The recorded program of eight devices reads as text with everything that this package knows of it.
func TestWriteRecorded(t *testing.T) {
	m, err := Read("hlo_with_config", recorded(t))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := m.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"dim_labels=b01f_01io->b01f", "replica_groups={{0,1,2,3,4,5,6,7}}", "window={size=3x3", "lies in parameter", "calls=%", "ROOT %",
	} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("no %q in the text", part)
		}
	}
	if live, total := m.Temporaries(); total <= 0 || len(live) == 0 {
		t.Errorf("%d bytes in %d temporaries, want some", total, len(live))
	}
}
