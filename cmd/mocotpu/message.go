package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// maxMessage bounds an error's text: a file can put anything into it.
const maxMessage = 8 << 10

// tell prints the error that ends a command.
func tell(w io.Writer, err error) {
	text := message(err)
	if len(text) > maxMessage {
		text = fmt.Sprintf("%s... (%d bytes more)", text[:maxMessage], len(text)-maxMessage)
	}
	fmt.Fprintln(w, "mocotpu:", text)
}

// message is what the user reads of an error: settings are called by the flags that change them.
func message(err error) string {
	text := err.Error()
	var list *settings.Error
	if !errors.As(err, &list) {
		return text
	}
	flags := flagNames()
	named := list.Text(func(field string) string {
		if flag, ok := flags[field]; ok {
			return "--" + flag
		}
		if flag, ok := strings.CutPrefix(field, "bench."); ok {
			return "--" + flag
		}
		return field
	})
	if len(list.Problems) > 1 {
		named = fmt.Sprintf("%d problems:\n%s", len(list.Problems), named)
	}
	return strings.Replace(text, list.Error(), named, 1)
}

// didYouMeanFlag proposes the flag that a mistyped one was probably meant to be.
func didYouMeanFlag(cmd *cobra.Command, err error) string {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return ""
	}
	if near := settings.Nearest(unknown.GetSpecifiedName(), flagsOf(cmd)); near != "" {
		return ", did you mean --" + near + "?"
	}
	return ""
}
