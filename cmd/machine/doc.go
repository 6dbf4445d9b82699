// Package machine is where a run's configuration meets engines and compilers: it opens the engine that the step is compiled
// for, compiles the very step that train runs for machines that need not be there, and says what would make it fit. The
// models know no engines, and engines know no runs.
//
// # Errors
//
// [ErrTooBig] for a step that has no room in its target's memory; settings.ErrInvalid for what is asked of an engine that
// does not have it. Errors of engines and compilers stay what they are.
package machine
