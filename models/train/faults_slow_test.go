//go:build slow

package train

import "testing"

// TestSlowKilled kills runs a hundred times; see killRuns.
func TestSlowKilled(t *testing.T) { killRuns(t, 100) }

// TestSlowDiskFaults breaks the disk at each operation of a run, in every way.
func TestSlowDiskFaults(t *testing.T) { breakDisk(t, 1) }
