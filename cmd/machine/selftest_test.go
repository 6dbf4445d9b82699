package machine

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/mocotpu/mocotpu/models/selftest"
	"github.com/mocotpu/mocotpu/xla"
	"github.com/mocotpu/mocotpu/xla/engine"
)

// TestUnderTest has a self-test be of the engine that was asked for, and take what a plugin does not offer for that.
func TestUnderTest(t *testing.T) {
	m := UnderTest(engine.Config{Backend: "cuda", Plugin: "/no/such/plugin.so"}, "mocotpu")
	if want := []string{"mocotpu", "train", "--plugin=/no/such/plugin.so"}; !slices.Equal(m.Train, want) {
		t.Errorf("%q, want %q", m.Train, want)
	}
	if _, err := m.Open(selftest.Opening{}); !errors.Is(err, xla.ErrNoPlugin) {
		t.Errorf("error %v, want xla.ErrNoPlugin", err)
	}
	for code, want := range map[xla.Code]struct{ outOfMemory, unknown bool }{
		xla.ResourceExhausted: {true, false}, xla.Unimplemented: {false, true}, xla.Internal: {},
	} {
		err := fmt.Errorf("wrapped: %w", &xla.Error{Op: "execute", Code: code, Msg: "no"})
		if got := m.OutOfMemory(err); got != want.outOfMemory {
			t.Errorf("%v: out of memory is %t, want %t", code, got, want.outOfMemory)
		}
		if got := errors.Is(unsaid(err), selftest.ErrUnknown); got != want.unknown {
			t.Errorf("%v: unknown is %t, want %t", code, got, want.unknown)
		}
	}
	e, err := UnderTest(engine.Config{Backend: "go"}, "mocotpu").Open(selftest.Opening{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, _, err := m.Used(e); !errors.Is(err, selftest.ErrUnknown) {
		t.Errorf("error %v, want selftest.ErrUnknown: the go engine has no allocator", err)
	}
}
