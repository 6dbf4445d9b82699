package xla

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/janpfeifer/must"
)

func TestFindTPU(t *testing.T) {
	t.Setenv("TPU_NAME", "")
	const vendor = "sys/kernel/iommu_groups/0/devices/0000:00:05.0/vendor"
	for name, test := range map[string]struct {
		files map[string]string
		want  error
	}{
		"nothing":                  {nil, errNoTPU},
		"older TPUs":               {map[string]string{"dev/accel0": ""}, nil},
		"VFIO without a group":     {map[string]string{"dev/vfio/vfio": ""}, errNoTPU}, // on hosts without a TPU, too
		"a group, nothing more":    {map[string]string{"dev/vfio/0": ""}, nil},
		"a group of Google's":      {map[string]string{"dev/vfio/0": "", vendor: "0x1ae0\n"}, nil},
		"a group of an NVIDIA GPU": {map[string]string{"dev/vfio/0": "", vendor: "0x10de\n"}, errNoTPU},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for file, text := range test.files {
				must.M(os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o755))
				must.M(os.WriteFile(filepath.Join(root, file), []byte(text), 0o644))
			}
			if err := findTPU(root); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
	t.Setenv("TPU_NAME", "local")
	if err := findTPU(t.TempDir()); err != nil {
		t.Errorf("with TPU_NAME: %v, want none", err)
	}
}
