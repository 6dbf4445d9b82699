package xla

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// errNoTPU is checked before libtpu is opened, which would ask a metadata server for minutes.
var errNoTPU = errors.New("this machine has no TPU: neither /dev/accel* nor Google's devices in /dev/vfio are there, and TPU_NAME is not set")

// googlePCI is the vendor number of Google's devices.
const googlePCI = "0x1ae0"

// findTPU returns errNoTPU where the files of a TPU host are missing below root ("/").
func findTPU(root string) error {
	if os.Getenv("TPU_NAME") != "" {
		return nil
	}
	accels, _ := filepath.Glob(filepath.Join(root, "dev/accel[0-9]*"))
	groups, _ := filepath.Glob(filepath.Join(root, "dev/vfio/[0-9]*"))
	if len(accels) > 0 || slices.ContainsFunc(groups, func(group string) bool { return maybeGoogles(root, filepath.Base(group)) }) {
		return nil
	}
	return errNoTPU
}

// maybeGoogles tells whether a group of VFIO has a device of Google's, or may have one, for want of an answer. GPUs and network
// cards for virtual machines are in such groups, too.
func maybeGoogles(root, group string) bool {
	vendors, _ := filepath.Glob(filepath.Join(root, "sys/kernel/iommu_groups", group, "devices/*/vendor"))
	for _, name := range vendors {
		vendor, err := os.ReadFile(name)
		if err != nil || strings.TrimSpace(string(vendor)) == googlePCI {
			return true
		}
	}
	return len(vendors) == 0
}
