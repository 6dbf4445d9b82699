//go:build invariants

package step

// Invariants says whether the program was built with -tags invariants.
const Invariants = true
