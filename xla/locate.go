package xla

import (
	"fmt"
	"regexp"
	"strings"
)

// go-xla's programs say nothing about where an operation comes from, but their parameters have names: those of the
// variables. So each operation is given the layer of the parameter that joined last on the way to it, as a location in
// the text. The compiler keeps that as the operation's name: in the optimized program, in profiles, and in its complaint
// about memory.

var (
	operation     = regexp.MustCompile(`^    (%\w+(?:, %\w+)*) = "\w+\.(\w+)"\(([^)]*)\)`)
	nextOperation = regexp.MustCompile(`^(    [%"]|  })`)
	valueName     = regexp.MustCompile(`%\w+`)
	argument      = regexp.MustCompile(`(%\w+): tensor`)
	inputArgument = regexp.MustCompile(`^%arg\d+$`)
	lastName      = regexp.MustCompile(`\.(running\.)?[^.]+$`)
)

// inputLayer stands for the layers before the first parameter.
const inputLayer = "input"

// origin is where a value comes from: constants only (the zero value), parameters only, or, computed, inputs as well.
type origin struct {
	layer    string
	computed bool
	backward bool
	order    int // of computed values the operation's number, else the parameter's
}

// after tells whether v says more about where an operation stands than w: a gradient does, else what is newer.
func (v origin) after(w origin) bool {
	if v.backward != w.backward {
		return v.backward
	}
	return !w.computed || v.order > w.order
}

// locate gives every operation of @main a location: "layer/operation", with "backward/" in front where it belongs to a
// gradient. It reads the text that go-xla writes, an operation from one line with four blanks in front to the next; any
// other stays as it is.
func locate(text string) string {
	var out strings.Builder
	out.Grow(len(text) + len(text)/4)
	var l *locator
	lines := strings.SplitAfter(text, "\n")
	for i := 0; i < len(lines); {
		if strings.Contains(lines[i], "func.func") {
			l = nil
			if strings.Contains(lines[i], "@main(") {
				l = newLocator(lines[i])
			}
		}
		end := i + 1
		if found := operation.FindStringSubmatch(lines[i]); l != nil && found != nil {
			for end < len(lines) && !nextOperation.MatchString(lines[end]) {
				end++
			}
			last := strings.TrimSuffix(lines[end-1], "\n")
			name := l.locate(valueName.FindAllString(found[1], -1), found[2], valueName.FindAllString(found[3], -1))
			lines[end-1] = fmt.Sprintf("%s loc(%q)\n", last, name)
		}
		for ; i < end; i++ {
			out.WriteString(lines[i])
		}
	}
	return out.String()
}

// A locator walks over the operations of a function in their order.
type locator struct {
	values map[string]origin
	left   map[string]bool // layers whose values another layer has used: whoever comes back does so for a gradient
	count  int
}

func newLocator(signature string) *locator {
	l := &locator{values: map[string]origin{}, left: map[string]bool{}}
	for i, a := range argument.FindAllStringSubmatch(signature, -1) {
		if inputArgument.MatchString(a[1]) {
			l.values[a[1]] = origin{layer: inputLayer, computed: true}
		} else {
			l.values[a[1]] = origin{layer: layerOf(a[1]), order: i}
		}
	}
	return l
}

// layerOf makes "query.layer1.0.conv1" of "%_query_layer1_0_conv1_weight": go-xla has replaced all but letters and
// digits, and the last word is a parameter of the layer's.
func layerOf(parameter string) string {
	path := strings.ReplaceAll(strings.TrimLeft(parameter, "%_"), "_", ".")
	return lastName.ReplaceAllString(path, "")
}

// locate names an operation and notes where its results come from.
func (l *locator) locate(results []string, name string, operands []string) string {
	l.count++
	var from, parameter origin
	for _, o := range operands {
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
	for _, r := range results {
		l.values[r] = from
	}
	if from.layer != "" {
		name = from.layer + "/" + name
	}
	if from.backward {
		name = "backward/" + name
	}
	return name
}
