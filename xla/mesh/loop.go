package mesh

import (
	"reflect"
	"unsafe"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// Loop is graph code that runs body n times, one after another, in one piece of program: body is built once, over the
// number of the turn, an int32 scalar from 0 to n-1, and the values that the last turn has left, in the beginning state.
// It returns the new values, of the same shapes. Loop returns those of the last turn. It panics, as graph code does.
//
// The body may use nodes from outside, such as variables that have been used before; it must not set variables. A gradient
// may be taken inside it, of nodes from outside, too; none goes through the loop.
func Loop(n int, state []*Node, body func(turn *Node, state []*Node) []*Node) []*Node {
	if n < 1 || len(state) == 0 {
		exceptions.Panicf("mesh: a loop of %d turns over %d values, want at least one of each", n, len(state))
	}
	g := state[0].Graph()
	closure := func(build func(turn *Node, state []*Node) []*Node) *Function {
		return NewClosure(g, func(g *Graph) []*Node {
			defer ownScalars(g)()
			turn := Parameter(g, "turn", shapes.Make(dtypes.Int32))
			inside := make([]*Node, len(state))
			for i, s := range state {
				inside[i] = Parameter(g, "", s.Shape())
			}
			return build(turn, inside)
		})
	}
	while := closure(func(turn *Node, _ []*Node) []*Node {
		return []*Node{LessThan(turn, Scalar(g, dtypes.Int32, float64(n)))}
	})
	do := closure(func(turn *Node, state []*Node) []*Node {
		return append([]*Node{AddScalar(turn, 1)}, body(turn, state)...)
	})
	start := Const(g, int32(0))
	return While(while, do, append([]*Node{start}, state...)...)[1:]
}

// ownScalars gives a closure scalars of its own until the function returned is called. A graph keeps every scalar that was
// ever asked for and gives it to whoever asks next, also where it was made in a closure that has ended: no operation
// outside can take it. GoMLX has no call for it, so this reaches for the field.
func ownScalars(g *Graph) (restore func()) {
	field := reflect.ValueOf(g).Elem().FieldByName("scalars")
	if !field.IsValid() || field.Kind() != reflect.Map {
		exceptions.Panicf("mesh: a graph of this version of GoMLX has no map of scalars: see ownScalars")
	}
	field = reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
	outside := reflect.ValueOf(field.Interface())
	field.Set(reflect.MakeMap(field.Type()))
	return func() { field.Set(outside) }
}
