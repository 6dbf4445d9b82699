package mesh

import (
	"reflect"
	"unsafe"

	"github.com/gomlx/compute"
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

// Loop is graph code that runs body n times, one after another: body returns new values of state, of the same shapes, and
// Loop those of the last turn. It panics, as graph code does.
//
// What the body uses from outside must be given as variables, which it reads and must not set, or as fixed nodes. A gradient
// may be taken inside the body, of its own nodes and those of the variables; none goes through the loop.
//
// On a backend that says that it runs loops (a method RunsLoops), the body is built once and is one piece of program. On
// others, such as the Go engine, it is built n times, each turn kept behind the one before by a barrier.
func Loop(n int, variables []*model.Variable, fixed, state []*Node, body func(Turn) []*Node) []*Node {
	if n < 1 || len(state) == 0 {
		exceptions.Panicf("mesh: a loop of %d turns over %d values, want at least one of each", n, len(state))
	}
	l := loop{n, variables, len(fixed), body}
	g := state[0].Graph()
	carried := []*Node{Const(g, int32(0))}
	for _, v := range variables {
		carried = append(carried, v.NodeValue(g))
	}
	carried = append(append(carried, fixed...), state...)
	if runsLoops(g.Backend()) {
		carried = l.once(carried)
	} else {
		carried = l.unrolled(carried)
	}
	return carried[len(carried)-len(state):]
}

// A loop carries from turn to turn: the turn's number, its variables, what is fixed, and the state.
type loop struct {
	n         int
	variables []*model.Variable
	fixed     int
	body      func(Turn) []*Node
}

// runsLoops reports whether a backend says that it runs loops.
func runsLoops(b compute.Backend) bool {
	return Says(b, func(e interface{ RunsLoops() bool }) bool { return e.RunsLoops() })
}

// turn builds the body over what is carried into it, and returns what is carried on.
func (l loop) turn(carried []*Node) []*Node {
	for i, v := range l.variables {
		outside := v.NodeValue(carried[0])
		v.SetNodeValue(carried[1+i])
		defer v.SetNodeValue(outside)
	}
	firstFixed := 1 + len(l.variables)
	firstState := firstFixed + l.fixed
	next := l.body(Turn{carried[0], carried[firstFixed:firstState], carried[firstState:]})
	if want := len(carried) - firstState; len(next) != want {
		exceptions.Panicf("mesh: the body of a loop returns %d values, want the %d of its state", len(next), want)
	}
	return append(append([]*Node{AddScalar(carried[0], 1)}, carried[1:firstState]...), next...)
}

// unrolled builds every turn.
func (l loop) unrolled(carried []*Node) []*Node {
	for i := range l.n {
		if i > 0 {
			carried = OptimizationBarriers(carried...)
		}
		carried = l.turn(carried)
	}
	return carried
}

// once builds a loop.
func (l loop) once(carried []*Node) []*Node {
	closure := func(build func(inside []*Node) []*Node) *Function {
		return NewClosure(carried[0].Graph(), func(g *Graph) []*Node {
			defer ownScalars(g)()
			inside := make([]*Node, len(carried))
			for i, c := range carried {
				inside[i] = Parameter(g, "", c.Shape())
			}
			return build(inside)
		})
	}
	while := closure(func(inside []*Node) []*Node {
		return []*Node{LessThan(inside[0], Scalar(inside[0].Graph(), dtypes.Int32, float64(l.n)))}
	})
	return While(while, closure(l.turn), carried...)
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
