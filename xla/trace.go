package xla

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Span is one run of an operation of a compiled program, on whatever threads.
type Span struct {
	Module, Op string        // the names that the optimized program has
	Run        string        // tells the executions of a program apart
	Start, End time.Duration // on one clock
}

// Trace runs f and returns what operations the engine's plugin ran meanwhile, in the order they started: those of every program of
// this process, and of operations that hold others, such as loops, these as well. Operations may run side by side. One trace is
// recorded at a time; a process pays about a microsecond an operation. The error is f's, or an [*Error] of code [Unimplemented] for
// an engine whose plugin cannot tell, which is every one but this project's own for the CPU; f has not run then.
func (e *Engine) Trace(f func() error) ([]Span, error) {
	if e.plugin == nil {
		return nil, &Error{Op: "trace", Code: Unimplemented, Msg: "the go engine interprets its programs"}
	}
	if err := e.plugin.startTrace(); err != nil {
		return nil, err
	}
	text, err := e.untilEnd(f)
	if err != nil {
		return nil, err
	}
	return spans(text)
}

// untilEnd runs f and ends the trace, also where f panics: otherwise nobody could begin another.
func (e *Engine) untilEnd(f func() error) (text string, err error) {
	defer func() {
		marks, stopped := e.plugin.stopTrace()
		text, err = marks, errors.Join(err, stopped)
	}()
	return "", f()
}

// spans reads marks: lines of begin, end and a name such as
//
//	fusion.1#hlo_op=fusion.1,hlo_module=step_1,program_id=1,run_id=6,device_ordinal=0,_pt=0,_p=8589934592#
//	end: fusion.1#_ct=0,_c=8589934592#
//
// The first says when a thread was busy starting the operation, which others may go on with; the second when the last of them was
// done with it. An operation without the second was over when the thread was.
func spans(text string) ([]Span, error) {
	var all []Span
	ended := map[string]time.Duration{}
	starts := map[string]int{} // in all, by what the second mark has as well
	for line := range strings.Lines(text) {
		begin, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		end, name, found := strings.Cut(rest, "\t")
		from, err1 := strconv.ParseInt(begin, 10, 64)
		to, err2 := strconv.ParseInt(end, 10, 64)
		op, rest, marked := strings.Cut(name, "#")
		if !found || !marked || err1 != nil || err2 != nil {
			return nil, &Error{Op: "trace", Code: Internal, Msg: fmt.Sprintf("a mark reads %q, want begin, end and a name with #", line)}
		}
		if from < 0 || to < 0 {
			continue // begun before the trace, or not over at its end
		}
		fields := map[string]string{}
		for field := range strings.SplitSeq(strings.TrimSuffix(rest, "#"), ",") {
			key, value, _ := strings.Cut(field, "=")
			fields[key] = value
		}
		if of, isEnd := strings.CutPrefix(op, "end: "); isEnd {
			ended[of+fields["_c"]] = time.Duration(from)
			continue
		}
		if id := fields["_p"]; id != "" {
			starts[op+id] = len(all)
		}
		all = append(all, Span{fields["hlo_module"], fields["hlo_op"], fields["run_id"], time.Duration(from), time.Duration(to)})
	}
	for id, at := range starts {
		if end, known := ended[id]; known {
			all[at].End = max(all[at].End, end)
		}
	}
	slices.SortFunc(all, func(a, b Span) int { return int(a.Start - b.Start) })
	return all, nil
}
