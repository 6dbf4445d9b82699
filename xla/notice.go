package xla

import (
	"fmt"
	"os"
)

// notice tells the user, in a sentence, what an engine waits for. It may be called on any goroutine.
func notice(text string) { fmt.Fprintln(os.Stderr, text) }
