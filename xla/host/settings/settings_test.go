package settings

import (
	"errors"
	"fmt"
	"testing"
)

// Problems of a part move below its prefix, their references too, and a program names fields as it likes.
func TestErrorNamesFields(t *testing.T) {
	var part, whole Check
	part.That(false, "batch", "is %d, want a multiple of {groups} (%d)", 100, 8)
	part.That(true, "queue", "is fine")
	whole.Under("moco", part.Err())
	whole.Under("views", errors.New("cannot be read"))
	whole.Under("none", nil)
	whole.OneOf("encoder.arch", "resnet81", "resnet18", "resnet50")
	err := fmt.Errorf("run: %w", whole.Err())
	if !errors.Is(err, ErrInvalid) {
		t.Errorf("%v is no ErrInvalid", err)
	}
	var list *Error
	if !errors.As(err, &list) {
		t.Fatalf("%v holds no list", err)
	}
	want := "moco.batch is 100, want a multiple of moco.groups (8)\nviews cannot be read\n" +
		`encoder.arch is "resnet81", want one of resnet18, resnet50; did you mean resnet18?`
	if list.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", list, want)
	}
	flag := func(field string) string { return "--" + field[len("moco."):] }
	if got, want := list.Problems[0].String(flag), "--batch is 100, want a multiple of --groups (8)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if (&Check{}).Err() != nil {
		t.Error("no problems make an error")
	}
}

func TestInvalid(t *testing.T) {
	cause := errors.New("as it is")
	err := Invalid(cause)
	if !errors.Is(err, ErrInvalid) || !errors.Is(err, cause) || err.Error() != "as it is" || Invalid(nil) != nil {
		t.Errorf("%v, want the cause with its text, and an ErrInvalid", err)
	}
}

func TestNearest(t *testing.T) {
	choices := []string{"glyphs", "glyphs-go", "mnist", "emnist", "cifar10"}
	for word, want := range map[string]string{
		"glyph": "glyphs", "minst": "mnist", "cifar": "cifar10", "imagenet": "", "": "", "x": "", "emnits": "emnist", "gylphs": "glyphs",
	} {
		if got := Nearest(word, choices); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
