package xla

import (
	"strings"

	"github.com/mocotpu/mocotpu/xla/internal/stablehlo"
)

// go-xla's programs say nothing about where an operation comes from, but their parameters have names: those of the
// variables. So each operation is given the layer of the parameter that joined last on the way to it, as a location in
// the text. The compiler keeps that as the operation's name: in the optimized program, in profiles, and in its complaint
// about memory.

// InputLayer stands for the layers before the first parameter, in the names of a program's operations.
const InputLayer = "input"

// origin is where a value comes from: constants only (the zero value), parameters only, or, computed, inputs as well.
type origin struct {
	layer    string
	computed bool
	backward bool
	order    int // of computed values the operation's number, else the parameter's
}

// after reports whether v says more about where an operation stands than w: a gradient does, else what is newer.
func (v origin) after(w origin) bool {
	if v.backward != w.backward {
		return v.backward
	}
	return !w.computed || v.order > w.order
}

// located is an operation with its name: "layer/operation", with "backward/" in front where it belongs to a gradient, and ""
// for one without a result.
type located struct {
	stablehlo.Operation
	name string
}

// locate names the operations of @main, and those inside its loops.
func locate(main *stablehlo.Function, operations []stablehlo.Operation) []located {
	l := newLocator(main.Args)
	var all []located
	var walk func([]stablehlo.Operation)
	walk = func(operations []stablehlo.Operation) {
		for _, o := range operations {
			switch {
			case o.Name == "stablehlo.while":
				regions, err := main.Regions(o)
				if err != nil || len(regions) == 0 {
					continue
				}
				for _, r := range regions {
					leave := l.enter(r, o)
					walk(r.Operations)
					leave()
				}
			case len(o.Results) > 0:
				all = append(all, located{o, l.locate(o)})
			default:
				all = append(all, located{o, ""})
			}
		}
	}
	walk(operations)
	return all
}

// A locator walks over the operations of a function in their order.
type locator struct {
	values map[string]origin
	left   map[string]bool // layers whose values another layer has used; a parameter that is used again after is for a gradient
	count  int
}

func newLocator(args []stablehlo.Value) *locator {
	l := &locator{values: map[string]origin{}, left: map[string]bool{}}
	for i, a := range args {
		if number, unnamed := strings.CutPrefix(a.Name, "%arg"); unnamed && strings.Trim(number, "0123456789") == "" {
			l.values[a.Name] = origin{layer: InputLayer, computed: true}
		} else {
			l.values[a.Name] = origin{layer: layerOf(a.Name), order: i}
		}
	}
	return l
}

// layerOf makes "query.layer1.0.conv1" of "%_query_layer1_0_conv1_weight": go-xla has replaced all but letters and
// digits, and the last word, or running_mean and running_var, is a parameter of the layer's.
func layerOf(parameter string) string {
	path := strings.ReplaceAll(strings.TrimLeft(parameter, "%_"), "_", ".")
	if last := strings.LastIndexByte(path, '.'); last >= 0 {
		path = strings.TrimSuffix(path[:last], ".running")
	}
	return path
}

// enter begins a region of a loop: its values come from where the loop's do, and no layer in it has been left. The function
// that it returns ends it, and has the loop's results come from what the region returns.
func (l *locator) enter(r stablehlo.Region, loop stablehlo.Operation) (leave func()) {
	for i, arg := range r.Args {
		if i < len(loop.Operands) {
			l.values[arg] = l.values[loop.Operands[i]]
		}
	}
	outside := l.left
	l.left = map[string]bool{}
	return func() {
		l.left = outside
		if len(r.Operations) == 0 {
			return
		}
		returned := r.Operations[len(r.Operations)-1].Operands
		for i, result := range loop.Results {
			if len(returned) == len(loop.Results) {
				l.values[result] = l.values[returned[i]]
			}
		}
	}
}

// locate names an operation and notes where its results come from.
func (l *locator) locate(operation stablehlo.Operation) string {
	l.count++
	var from, parameter origin
	for _, o := range operation.Operands {
		v := l.values[o]
		switch {
		case v.computed && v.after(from):
			from = v
		case !v.computed && v.layer != "" && v.order >= parameter.order:
			parameter = v
		}
	}
	if !from.computed {
		from = parameter // constants and parameters alone
	} else {
		if parameter.layer != "" && (parameter.layer != from.layer || l.left[parameter.layer]) {
			l.left[from.layer] = l.left[from.layer] || parameter.layer != from.layer
			from.layer, from.backward = parameter.layer, from.backward || l.left[parameter.layer]
		}
		from.order = l.count
	}
	for _, r := range operation.Results {
		l.values[r] = from
	}
	name := operation.Name[strings.IndexByte(operation.Name, '.')+1:]
	if from.layer != "" {
		name = from.layer + "/" + name
	}
	if from.backward {
		name = "backward/" + name
	}
	return name
}
