//go:build slow

package notebooks_test

import "testing"

// TestNotebooksSlow runs the notebooks as they are, where they are.
func TestNotebooksSlow(t *testing.T) {
	runAll(t, func(_ *testing.T, name string) string { return name })
}
