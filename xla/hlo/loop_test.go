package hlo

import (
	"fmt"
	"testing"

	"github.com/janpfeifer/must"
)

// looped is a program whose loop runs a body with an exchange of 40 bytes, a temporary of 400, and an inner loop of three
// turns, each with an addition of 100 numbers. The condition compares what it is told to.
func looped(limit msg, direction string) msg {
	number, state := array(s32), tuple(array(s32), array(f32, 10), array(f32, 100))
	condition := computation(3, 4,
		inst(1, "parameter", state).int(9, 0), inst(2, "get-tuple-element", number, 1).int(13, 0),
		inst(3, "constant", number).bytes(8, limit), inst(4, "compare", array(pred), 2, 3).text(63, direction))
	inner := computation(4, 2, inst(1, "parameter", array(f32, 100)).int(9, 0), inst(2, "add", array(f32, 100), 1, 1))
	body := computation(2, 8,
		inst(1, "parameter", state).int(9, 0), inst(2, "get-tuple-element", number, 1).int(13, 0), inst(3, "get-tuple-element", array(f32, 10), 1).int(13, 1),
		inst(4, "all-reduce", array(f32, 10), 3), inst(5, "broadcast", array(f32, 100), 4),
		inst(6, "while", array(f32, 100), 5).packed(38, 4).text(43, `{"known_trip_count":{"n":"3"}}`),
		inst(7, "negate", array(f32, 100), 6), inst(8, "tuple", state, 2, 4, 7))
	entry := computation(1, 4,
		inst(1, "parameter", state).int(9, 0), inst(2, "while", state, 1).packed(38, 2, 3),
		inst(3, "get-tuple-element", array(f32, 100), 2).int(13, 2), inst(4, "add", array(f32, 100), 3, 3))
	return module(1, entry, body, condition, inner)
}

// A loop's turns are read from its condition where no note says them, and all that stands in it counts as often.
func TestLoops(t *testing.T) {
	const s32s, s64s = 4, 5
	for _, test := range []struct {
		limit     msg
		direction string
		turns     int
	}{
		{msg{}.packed(s32s, 8), "LT", 8},
		{msg{}.packed(s64s, 8), "LT", 8},
		{msg{}.packed(s32s, 8), "GT", 1},    // another loop than those of package mesh
		{msg{}.packed(s32s, 8, 9), "LT", 1}, // no single number
		{msg{}.packed(s32s, 0), "LT", 1},
		{msg{}, "LT", 1},
	} {
		m := must.M1(Read("hlo", looped(test.limit, test.direction)))
		name := fmt.Sprintf("a loop %s %x", test.direction, []byte(test.limit))
		if c := m.Collectives(); len(c) != 1 || c[0].Count != 1 || c[0].Times != test.turns || c[0].Bytes != 40 {
			t.Errorf("%s: exchanges %+v, want one of 40 bytes, %d times", name, c, test.turns)
		}
		// A turn compares, negates 100 numbers, and adds three times 100; behind the loop stand 100 more.
		if got, want := m.Cost().Flops, float64(test.turns*(1+100+300)+100); got != want {
			t.Errorf("%s: %g operations, want %g", name, got, want)
		}
		times := map[string]float64{}
		for _, w := range m.Work() {
			times[w.Opcode] += w.Times
			if w.Values[w.ID] != w.Instruction {
				t.Errorf("%s: %s is not among its values", name, w.Name)
			}
		}
		if n := float64(test.turns); times["all-reduce"] != n || times["negate"] != n || times["add"] != 3*n+1 || times["while"] != 0 {
			t.Errorf("%s: work %v, want the loops' in their place, %g turns", name, times, n)
		}
	}
}

// While a loop runs, its body's temporaries are there; the sum that goes around is the state's.
func TestTemporariesOfLoops(t *testing.T) {
	m := must.M1(Read("hlo", looped(msg{}.packed(4, 8), "LT")))
	live, total := m.Temporaries()
	if total != 400 || len(live) != 1 || live[0].Opcode != "broadcast" {
		t.Errorf("%d bytes of %+v, want the 400 of the broadcast in the body", total, live)
	}
}
