package xla

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/janpfeifer/must"

	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// The plugin says the same whatever is wrong with a machine; what is wrong is said beside it. The first lines of the files are
// those of NVIDIA's drivers, the texts the plugin's (0.10.2).
func TestExplainGPU(t *testing.T) {
	none := &Error{Op: "create cuda client", Code: failedPrecondition, Msg: "No visible GPU devices."}
	const old = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version:  gcc version 12.2.0\n"
	const open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs-builder@U22)\nGCC version:\n"
	for _, test := range []struct {
		name, driver, visible string
		err                   error
		want                  string // "" for the error as it is
	}{
		{"no driver", "", "", none, "no NVIDIA driver is loaded"},
		{"too old", old, "", none, "the driver is 535.104.05, and CUDA 13 needs 580 or newer: update"},
		{"too old, in other words", old, "", &Error{Op: "create cuda client", Code: Internal, Msg: "cudaGetDeviceCount() failed"}, "the driver is 535.104.05"},
		{"hidden", open, "7", none, `CUDA_VISIBLE_DEVICES="7" leaves no GPU`},
		{"not started", open, "", none, "what does nvidia-smi say?"},
		{"another failure", open, "", &Error{Op: "create cuda client", Code: Internal, Msg: "boom"}, ""},
		{"wrong use", "", "", &Error{Op: "create cuda client", Code: InvalidArgument, Msg: "Unexpected option name"}, ""},
		{"no version", "nonsense", "", none, "what does nvidia-smi say?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("CUDA_VISIBLE_DEVICES", test.visible)
			if test.visible == "" {
				must.M(os.Unsetenv("CUDA_VISIBLE_DEVICES"))
			}
			file := filepath.Join(t.TempDir(), "version")
			if test.driver != "" {
				must.M(os.WriteFile(file, []byte(test.driver), 0o600))
			}
			got := explainGPU(test.err, file)
			if test.want == "" {
				if got != test.err {
					t.Errorf("got %v, want it as it is", got)
				}
				return
			}
			if !errors.Is(got, settings.ErrInvalid) || !errors.Is(got, test.err) || !strings.Contains(got.Error(), test.want) {
				t.Errorf("got %v, want %q", got, test.want)
			}
		})
	}
}

// What plugins say of a GPU that is taken, as JAX's users report it, and of a folder without NVIDIA's packages, as 0.11.2 says it, comes
// with what to do; other texts stay as they are.
func TestRemedies(t *testing.T) {
	for text, want := range map[string]string{
		"DNN library initialization failed. Look at the errors above for more details.":                                         "nvidia-smi lists them",
		"failed to create cublas handle: CUBLAS_STATUS_NOT_INITIALIZED":                                                         "nvidia-smi lists them",
		"cuMemAllocAsync failed to allocate 1225195446464 bytes: RESOURCE_EXHAUSTED: : CUDA_ERROR_OUT_OF_MEMORY: out of memory": "nvidia-smi lists them",
		"libdevice not found at ./libdevice.10.bc":                                                                              "--xla_gpu_cuda_data_dir=",
		"No PTX compilation provider is available. Details: \n - ptxas_path: none in /bin":                                      "--xla_gpu_cuda_data_dir=",
		"No visible GPU devices.": "",
	} {
		got := (&Error{Op: "execute", Code: Internal, Msg: text}).Error()
		if (want == "") != strings.HasSuffix(got, ": "+text) || !strings.Contains(got, want) || strings.Contains(got, "/bin") {
			t.Errorf("%s: want %q", got, want)
		}
	}
}
