package xlatest

import "github.com/mocotpu/mocotpu/xla/hlo"

// AliasedBytes returns how many bytes of a compiled program's parameters share their memory with outputs.
func AliasedBytes(m *hlo.Module) int64 {
	parameters := map[int64]hlo.Shape{}
	for _, c := range m.Computations {
		for _, i := range c.Instructions {
			if c.ID == m.Entry && i.Opcode == "parameter" {
				parameters[i.Parameter] = i.Shape
			}
		}
	}
	var total int64
	for _, a := range m.Aliases {
		s := parameters[a.Parameter]
		for _, i := range a.Index {
			if i < 0 || i >= int64(len(s.Tuple)) {
				s = hlo.Shape{}
				break
			}
			s = s.Tuple[i]
		}
		total += s.Bytes()
	}
	return total
}
