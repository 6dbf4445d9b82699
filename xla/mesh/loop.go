package mesh

import (
	"reflect"
	"unsafe"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Turn is what the body of a [Loop] is built over: nodes of its own.
type Turn struct {
	// Number is an int32 scalar, from 0 to n-1.
	Number *Node
	// Fixed are the same in every turn, State is what the turn before has left.
	Fixed, State []*Node
}

// Loop is graph code that runs body n times, one after another, in one piece of program: body is built once, and returns new
// values of state, of the same shapes. Loop returns those of the last turn. It panics, as graph code does.
//
// What the body uses from outside must be given as variables, which it reads and must not set, or as fixed nodes. A gradient
// may be taken inside the body, of its own nodes and those of the variables; none goes through the loop.
func Loop(n int, variables []*model.Variable, fixed, state []*Node, body func(Turn) []*Node) []*Node {
	if n < 1 || len(state) == 0 {
		exceptions.Panicf("mesh: a loop of %d turns over %d values, want at least one of each", n, len(state))
	}
	g := state[0].Graph()
	carried := []*Node{Const(g, int32(0))}
	for _, v := range variables {
		carried = append(carried, v.NodeValue(g))
	}
	carried = append(append(carried, fixed...), state...)
	firstFixed := 1 + len(variables)
	firstState := firstFixed + len(fixed)
	closure := func(build func(inside []*Node) []*Node) *Function {
		return NewClosure(g, func(g *Graph) []*Node {
			defer ownScalars(g)()
			inside := make([]*Node, len(carried))
			for i, c := range carried {
				inside[i] = Parameter(g, "", c.Shape())
			}
			return build(inside)
		})
	}
	while := closure(func(inside []*Node) []*Node {
		return []*Node{LessThan(inside[0], Scalar(g, dtypes.Int32, float64(n)))}
	})
	do := closure(func(inside []*Node) []*Node {
		for i, v := range variables {
			outside := v.NodeValue(g)
			v.SetNodeValue(inside[1+i])
			defer v.SetNodeValue(outside)
		}
		next := body(Turn{inside[0], inside[firstFixed:firstState], inside[firstState:]})
		return append(append([]*Node{AddScalar(inside[0], 1)}, inside[1:firstState]...), next...)
	})
	return While(while, do, carried...)[firstState:]
}

// ownScalars gives a closure scalars of its own until the function returned is called. A graph keeps every scalar that was
// ever asked for and gives it to whoever asks next, also where it was made inside a closure, or
// outside of it, and XLA's operations take operands of one function only. GoMLX has no call for it, so this reaches for the field.
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
