// Package settings collects what is wrong with a tree of settings, so that one error lists every problem and a program
// can name each by what its user would change: a field of a file, or a flag.
//
// A field is a path of JSON names, "moco.queue". Each owner of a type checks its own fields ("queue"); who holds that
// type in a larger one adds its problems under a prefix ("moco"). A text may name other fields in braces: "want a
// multiple of {groups}".
package settings

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ErrInvalid is what every [Error] is, in the sense of [errors.Is].
var ErrInvalid = errors.New("unusable settings")

// Invalid makes an error an [ErrInvalid] and leaves its text as it is; nil stays nil.
func Invalid(err error) error {
	if err == nil {
		return nil
	}
	return invalid{err}
}

type invalid struct{ error }

func (invalid) Is(target error) bool { return target == ErrInvalid }

func (e invalid) Unwrap() error { return e.error }

// Problem is one thing that is wrong.
type Problem struct {
	// Field is the path of the field to change, "" where no single one is to blame.
	Field string
	// Text continues a sentence that begins with the field: "is 5, want ...".
	Text string
}

// reference is a field in a text.
var reference = regexp.MustCompile(`\{([a-z_.]+)\}`)

// String is the sentence, with every field called what name says.
func (p Problem) String(name func(field string) string) string {
	text := reference.ReplaceAllStringFunc(p.Text, func(ref string) string { return name(ref[1 : len(ref)-1]) })
	if p.Field == "" {
		return text
	}
	return name(p.Field) + " " + text
}

// under moves the problem below prefix.
func (p Problem) under(prefix string) Problem {
	if prefix == "" {
		return p
	}
	if p.Field != "" {
		p.Field = prefix + "." + p.Field
	}
	p.Text = reference.ReplaceAllString(p.Text, "{"+prefix+".$1}")
	return p
}

// Error lists problems, in the order in which they were found. It is [ErrInvalid].
type Error struct{ Problems []Problem }

// Error has a line for each problem.
func (e *Error) Error() string { return e.Text(func(field string) string { return field }) }

// Text is the message with every field called what name says.
func (e *Error) Text(name func(field string) string) string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String(name)
	}
	return strings.Join(lines, "\n")
}

// Is makes every Error an [ErrInvalid].
func (*Error) Is(target error) bool { return target == ErrInvalid }

// Check collects problems. The zero value is ready.
type Check struct{ problems []Problem }

// That adds a problem unless ok. The format continues a sentence that begins with the field.
func (c *Check) That(ok bool, field, format string, args ...any) {
	if !ok {
		c.problems = append(c.problems, Problem{field, fmt.Sprintf(format, args...)})
	}
}

// OneOf adds a problem unless value is one of the choices; it names the nearest.
func (c *Check) OneOf(field, value string, choices ...string) {
	if slices.Contains(choices, value) {
		return
	}
	text := fmt.Sprintf("is %q, want one of %s", value, strings.Join(choices, ", "))
	if near := Nearest(value, choices); near != "" {
		text += fmt.Sprintf("; did you mean %s?", near)
	}
	c.problems = append(c.problems, Problem{field, text})
}

// Under adds the problems of an [Error] below a prefix, or as they are where it is ""; another error becomes a problem of
// the prefix itself; nil adds nothing.
func (c *Check) Under(prefix string, err error) {
	var list *Error
	switch {
	case err == nil:
	case errors.As(err, &list):
		for _, p := range list.Problems {
			c.problems = append(c.problems, p.under(prefix))
		}
	default:
		c.problems = append(c.problems, Problem{prefix, err.Error()})
	}
}

// Err is nil without problems, and an [*Error] with them.
func (c *Check) Err() error {
	if len(c.problems) == 0 {
		return nil
	}
	return &Error{c.problems}
}
