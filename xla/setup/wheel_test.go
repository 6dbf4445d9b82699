package setup

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mocotpu/mocotpu/xla/cpuplugin"
)

// The pins agree with themselves, and with the sources that are written for one version.
func TestPins(t *testing.T) {
	if tensorflowWheel.version != cpuplugin.TensorFlowVersion {
		t.Errorf("tensorflow-cpu: got %s, want %s", tensorflowWheel.version, cpuplugin.TensorFlowVersion)
	}
	seen := map[string]bool{}
	for _, w := range slices.Concat([]wheel{tensorflowWheel}, cudaWheels, tpuWheels) {
		if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(w.sha256) || seen[w.sha256] {
			t.Errorf("%s: sha256 %q is malformed or another wheel's", w.name, w.sha256)
		}
		seen[w.sha256] = true
		prefix := strings.ReplaceAll(w.name, "-", "_") + "-" + w.version + "-"
		if !strings.HasPrefix(w.file, prefix) || !strings.HasSuffix(w.file, w.platform+".whl") {
			t.Errorf("%s: file %s, want %s...%s.whl", w.name, w.file, prefix, w.platform)
		}
		if w.bytes <= 0 || w.unpacked <= 0 {
			t.Errorf("%s: %d bytes, %d unpacked: want plausible sizes for the check of the disk", w.name, w.bytes, w.unpacked)
		}
	}
}

func TestKeep(t *testing.T) {
	tests := []struct {
		keep       func(string) string
		name, want string
	}{
		{keepCUDA, "jax_plugins/xla_cuda13/xla_cuda_plugin.so", cudaPath},
		{keepCUDA, "jax_plugins/xla_cuda13/version.py", ""},
		{keepCUDA, "nvidia/cu13/bin/ptxas", "nvidia/cu13/bin/ptxas"},
		{keepCUDA, "nvidia/cudnn/lib/libcudnn.so.9", "nvidia/cudnn/lib/libcudnn.so.9"},
		{keepCUDA, "nvidia/cu13/include/cuda.h", ""},
		{keepCUDA, "nvidia/cu13/lib/libcudart_static.a", ""},
		{keepCompiler, "jax_plugins/xla_cuda13/xla_cuda_plugin.so", cudaPath},
		{keepCompiler, "nvidia/cu13/bin/ptxas", "nvidia/cu13/bin/ptxas"},
		{keepCompiler, "nvidia/cu13/nvvm/libdevice/libdevice.10.bc", "nvidia/cu13/nvvm/libdevice/libdevice.10.bc"},
		{keepCompiler, "nvidia/cu13/nvvm/bin/cicc", ""},
		{keepTPU, "libtpu/libtpu.so", tpuPath},
		{keepTPU, "libtpu/sdk.so", ""},
		{keepForCPU, "tensorflow/libtensorflow_cc.so.2", "tensorflow/libtensorflow_cc.so.2"},
		{keepForCPU, "tensorflow/include/xla/shape.h", "tensorflow/include/xla/shape.h"},
		{keepForCPU, "tensorflow/include/tensorflow/compiler/xla/shape.h", ""},
		{keepForCPU, "tensorflow/python/x.so", ""},
	}
	for _, test := range tests {
		if got := test.keep(test.name); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestUnpackStaysInside(t *testing.T) {
	dir := t.TempDir()
	w := fakeWheel(t, dir, "evil", "1", map[string][]byte{"../out": []byte("x")})
	inside := filepath.Join(dir, "a", "b")
	err := unpack(t.Context(), filepath.Join(dir, w.file), inside, func(name string) string { return name })
	if err == nil || !strings.Contains(err.Error(), "leaves the folder") {
		t.Errorf("got %v, want an error", err)
	}
	if got := files(t, dir); !slices.Equal(got, []string{w.file}) {
		t.Errorf("got %v, want the wheel only", got)
	}
}

// A download that breaks off is taken up where it was, as often as the user's own setting says, or five times.
func TestDownloadsAreResumed(t *testing.T) {
	for set, want := range map[string]string{"": "5\n", "9": "9\n"} {
		_, bin := sandbox(t)
		out := filepath.Join(t.TempDir(), "out")
		writeFile(t, filepath.Join(bin, "python3"), []byte("#!/bin/sh\necho $PIP_RESUME_RETRIES >"+out+"\n"))
		t.Setenv(resumeRetries, set)
		if err := pip(t.Context(), t.TempDir(), func(int64) {}, "download"); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(out); err != nil || string(got) != want {
			t.Errorf("with %q pip has %q, %v, want %q", set, got, err, want)
		}
	}
}
