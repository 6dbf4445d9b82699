// Package terminal shows what a command does: to a person who watches by bars that move, in a log by lines, one at least
// every half minute. Nothing that a file's author chose reaches a terminal as a command to it, see [Plain].
//
// A writer is watched if it is a terminal, also beneath a plain writer. What a log gets does not depend on that of other
// writers.
package terminal
