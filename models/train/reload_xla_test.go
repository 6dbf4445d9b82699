//go:build cgo

package train

import (
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/xlatest"
)

// TestDevicesFailXLA: XLA has taken the donated buffers of both devices; the run goes on from its checkpoint, and ends
// as if nothing had been.
func TestDevicesFailXLA(t *testing.T) {
	c := tiny("")
	c.KNN.Every, c.Run.Dir = 0, t.TempDir()
	want := c.Run.Dir
	machine := machineOf(xlatest.CPU(t, 2))
	must.M1(Train(t.Context(), c, machine, &recorder{}))

	broken, device := brokenMachine(t, 4)
	device.Backend, broken.Devices, c.Run.Dir = machine.Backend, machine.Devices, t.TempDir()
	var r recorder
	must.M1(Train(t.Context(), c, broken, &r))
	if notes := strings.Join(r.notes, "\n"); !strings.Contains(notes, "injected device failure; going on from step 2") {
		t.Errorf("notes %q, want the failure of step 4", notes)
	}
	wantSameRun(t, c.Run.Dir, want)
}
