//go:build !invariants

// Package invariants says whether the program checks at run time what its algorithm promises: those of MoCo stand in
// models/moco/invariants.go. Such checks cost time, so a build has them only with -tags invariants, as make test does.
// They read the state beside the program, which stays the same with and without them.
package invariants

// Enabled says whether the program was built with -tags invariants.
const Enabled = false
