package plan

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/xla/hlo"
)

// The forms in which [Compilation.WriteProgram] writes.
const (
	StableHLO = "stablehlo" // what the compiler got, as text
	HLO       = "hlo"       // what it made of that, as text
	HLOProto  = "hlo.pb"    // that as an HloModuleProto, for XLA's tools
)

// WriteProgram writes the program in a form. Of one that does not fit there is none after the compiler, and nothing is
// written.
func (c *Compilation) WriteProgram(w io.Writer, form string) (err error) {
	switch {
	case form == StableHLO:
		_, err = io.WriteString(w, c.Program)
	case !slices.Contains([]string{HLO, HLOProto}, form):
		err = fmt.Errorf("plan: a program as %q, want one of %s", form, strings.Join([]string{StableHLO, HLO, HLOProto}, ", "))
	case !c.Compiled():
	case form == HLOProto:
		var proto []byte
		if proto, err = hlo.Proto(c.Format, c.Optimized); err == nil {
			_, err = w.Write(proto)
		}
	default:
		var m *hlo.Module
		if m, err = c.Module(); err == nil {
			err = m.WriteText(w)
		}
	}
	return err
}
