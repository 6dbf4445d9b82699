// Package engines opens the engines that the tests of models run on without cgo; package xla/xlatest opens XLA's.
package engines

import (
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // the Go engine

	"github.com/mocotpu/mocotpu/xla/mesh"
)

// Go opens the pure Go engine until the test ends.
func Go(t testing.TB) compute.Backend {
	t.Helper()
	b, err := compute.NewWithConfig("go:ops_sequential")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b
}

// Mesh is a mesh of the first devices of b.
func Mesh(t testing.TB, b compute.Backend, devices int) *mesh.Mesh {
	t.Helper()
	m, err := mesh.New(b, devices)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
