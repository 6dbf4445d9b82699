package xla

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/mocotpu/mocotpu/xla/host/regular"
	"github.com/mocotpu/mocotpu/xla/host/settings"
)

// driverFile is where NVIDIA's driver says its version. Under Windows (WSL) the driver is outside, and its device is wslDevice.
const (
	driverFile = "/proc/driver/nvidia/version"
	wslDevice  = "/dev/dxg"
)

// cuda13Driver is the first branch of the driver that runs CUDA 13, which the pinned plugin is of; cuda12Driver is CUDA 12's.
// Source: CUDA compatibility, https://docs.nvidia.com/deploy/cuda-compatibility/, minor version compatibility.
const (
	cuda13Driver = 580
	cuda12Driver = 525
)

// driverVersion finds the version in the first line of driverFile: "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05 ...".
var driverVersion = regexp.MustCompile(`(?m)^NVRM version:.*?\s((\d{2,4})\.\d+(?:\.\d+)*)\s`)

// explainGPU adds to the error of a CUDA client that could not be made what is wrong with the machine, as far as the driver's file
// and the environment tell. The plugin says "No visible GPU devices." of all of it.
func explainGPU(err error, file string) error {
	var failed *Error
	if !errors.As(err, &failed) || failed.Code == InvalidArgument { // that is about what it was asked for
		return err
	}
	text, readErr := regular.ReadFile(file, maxFlags)
	version := driverVersion.FindStringSubmatch(string(text))
	why := ""
	switch hidden, set := os.LookupEnv("CUDA_VISIBLE_DEVICES"); {
	case readErr != nil && !exists(wslDevice):
		why = fmt.Sprintf("no NVIDIA driver is loaded (there is no %s): install one of branch %d or newer, or start the container with its GPUs (docker run --gpus=all)",
			file, cuda13Driver)
	case version != nil && olderThan(version[2], cuda13Driver):
		why = fmt.Sprintf("the driver is %s, and CUDA 13 needs %d or newer: update the driver, or give --plugin one of CUDA 12 (jax-cuda12-pjrt), which needs %d",
			version[1], cuda13Driver, cuda12Driver)
	case set && failed.Code == failedPrecondition:
		why = fmt.Sprintf("CUDA_VISIBLE_DEVICES=%q leaves no GPU: unset it, or correct it", hidden)
	case failed.Code == failedPrecondition:
		why = "the driver is there, and CUDA starts no GPU: what does nvidia-smi say? After an update of the driver the machine must be restarted"
	default:
		return err
	}
	return settings.Invalid(fmt.Errorf("%w\n%s", err, why))
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func olderThan(branch string, wanted int) bool {
	n, err := strconv.Atoi(branch)
	return err == nil && n < wanted
}

// remedies are what to do about what XLA and CUDA's libraries say.
var remedies = []struct {
	said []string
	todo string
}{
	{
		[]string{
			"CUDA_ERROR_OUT_OF_MEMORY", "CUDA_ERROR_DEVICE_UNAVAILABLE", "DNN library initialization failed", "CUDNN_STATUS_NOT_INITIALIZED",
			"CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_NOT_INITIALIZED", "CUBLAS_STATUS_ALLOC_FAILED",
		},
		"another process may hold the GPU's memory (nvidia-smi lists them): end it, take other GPUs (--gpus), or share the memory (--gpu-memory-fraction)",
	},
	{
		[]string{"No PTX compilation provider is available", "libdevice not found at"},
		"NVIDIA's packages are not beside this plugin: take that of a JAX installed with them (pip install \"jax[cuda13]\"), the one that mocotpu setup cuda " +
			"installs, or name a folder that has CUDA: XLA_FLAGS=--xla_gpu_cuda_data_dir=/usr/local/cuda",
	},
}

// withRemedy adds to a plugin's text what to do about it, where that is known, in place of a list of all folders that it looked in.
func withRemedy(text string) string {
	for _, r := range remedies {
		for _, said := range r.said {
			if strings.Contains(text, said) {
				short, _, _ := strings.Cut(text, " Details:")
				return short + "\n" + r.todo
			}
		}
	}
	return text
}
