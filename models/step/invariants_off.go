//go:build !invariants

package step

// Invariants says whether the program checks at run time what the algorithm promises, see models/moco/invariants.go. Such
// checks cost time, so a build has them only with -tags invariants, as make test does. They read the state beside the
// program, which stays the same with and without them.
const Invariants = false
