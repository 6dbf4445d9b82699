//go:build !linux

package child

import "os"

// keepStdout returns the file that standard output was. From now on what Go prints there goes to standard error.
func keepStdout() (*os.File, error) {
	kept := os.Stdout
	os.Stdout = os.Stderr
	return kept, nil
}
