package xla

import (
	"errors"
	"os"
	"path/filepath"
)

// errNoTPU is checked before libtpu is opened, which would ask a metadata server for minutes.
var errNoTPU = errors.New("this machine has no TPU: neither /dev/accel* nor /dev/vfio/* is there, and TPU_NAME is not set")

// findTPU returns errNoTPU where the files of a TPU host are missing below dev ("/dev").
func findTPU(dev string) error {
	if os.Getenv("TPU_NAME") != "" {
		return nil
	}
	for _, pattern := range []string{"accel[0-9]*", "vfio/[0-9]*"} {
		if found, _ := filepath.Glob(filepath.Join(dev, pattern)); len(found) > 0 {
			return nil
		}
	}
	return errNoTPU
}
