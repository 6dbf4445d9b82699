package xla

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestFindTPU(t *testing.T) {
	t.Setenv("TPU_NAME", "")
	dev := t.TempDir()
	if err := findTPU(dev); !errors.Is(err, errNoTPU) {
		t.Errorf("an empty /dev gave %v, want errNoTPU", err)
	}
	if err := os.Mkdir(filepath.Join(dev, "vfio"), 0o755); err != nil {
		t.Fatal(err)
	}
	// The group file alone is there on hosts without a TPU, too.
	for name, want := range map[string]error{"vfio/vfio": errNoTPU, "vfio/0": nil} {
		if err := os.WriteFile(filepath.Join(dev, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := findTPU(dev); !errors.Is(err, want) {
			t.Errorf("with %s: %v, want %v", name, err, want)
		}
		os.Remove(filepath.Join(dev, name))
	}
	t.Setenv("TPU_NAME", "local")
	if err := findTPU(dev); err != nil {
		t.Errorf("with TPU_NAME: %v, want none", err)
	}
}
