package xla

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/gomlx/compute"
)

// function is a compute.Function of XLA: the main function of a program, or a closure, such as the body of a loop.
type function struct {
	compute.Function
	builder compute.Builder // go-xla's
	end     func()          // of a closure that is being built
}

// SchedulingBarrier returns operand, available only once the dependencies are. GoMLX ties what a backward pass computes
// again to the gradient that needs it with it. go-xla adds zero times an element of each dependency, which is another
// device's where it is split: a collective for each block of an encoder, and too weak for the scheduler to keep memory
// low. A barrier over all of them together costs nothing.
func (f *function) SchedulingBarrier(operand compute.Value, dependencies ...compute.Value) (compute.Value, error) {
	if len(dependencies) == 0 {
		return operand, nil
	}
	values, err := f.OptimizationBarrier(append([]compute.Value{operand}, dependencies...)...)
	if err != nil {
		return nil, err
	}
	return values[0], nil
}

// Closure starts a function inside this one, which Return ends. go-xla makes a function for each kind of reduction when it
// is first asked for, inside the function that asks, and hands it to all that ask later; but only where it was made can it
// be used. So a closure begins without any, and the functions around it get back their own when it has ended.
func (f *function) Closure() (compute.Function, error) {
	inner, err := f.Function.Closure()
	if err != nil {
		return nil, err
	}
	end, err := withoutReductions(f.builder)
	if err != nil {
		return nil, err
	}
	return &function{Function: inner, builder: f.builder, end: end}, nil
}

// withoutReductions empties what go-xla's builder keeps for a whole program, until the function that it returns is called.
// There is no call for it: this sets the fields.
func withoutReductions(b compute.Builder) (end func(), err error) {
	all := reflect.ValueOf(b)
	if all.Kind() != reflect.Pointer || all.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("xla: closure: the program's builder is a %T, want go-xla's", b)
	}
	var restore []func()
	for _, name := range []string{"cacheReductions", "cacheArgMinMax", "cacheSelections"} {
		field := all.Elem().FieldByName(name)
		if !field.IsValid() || field.Kind() != reflect.Map {
			return nil, fmt.Errorf("xla: closure: the builder of this version of go-xla has no map %s", name)
		}
		field = reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
		kept := reflect.ValueOf(field.Interface())
		field.Set(reflect.MakeMap(field.Type()))
		restore = append(restore, func() { field.Set(kept) })
	}
	return func() {
		for _, f := range restore {
			f()
		}
	}, nil
}

// Return ends the function.
func (f *function) Return(outputs []compute.Value, shardings []*compute.ShardingSpec) error {
	if f.end != nil {
		f.end()
		f.end = nil
	}
	return f.Function.Return(outputs, shardings)
}

// unwrap is go-xla's own function.
func unwrap(f compute.Function) compute.Function {
	if w, ok := f.(*function); ok {
		return w.Function
	}
	return f
}

// While repeats body while cond holds.
func (f *function) While(cond, body compute.Function, state ...compute.Value) ([]compute.Value, error) {
	return f.Function.While(unwrap(cond), unwrap(body), state...)
}

// If runs one of two closures.
func (f *function) If(pred compute.Value, yes, no compute.Function) ([]compute.Value, error) {
	return f.Function.If(pred, unwrap(yes), unwrap(no))
}

// Sort sorts by a closure.
func (f *function) Sort(less compute.Function, axis int, stable bool, inputs ...compute.Value) ([]compute.Value, error) {
	return f.Function.Sort(unwrap(less), axis, stable, inputs...)
}
