package setup

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mocotpu/mocotpu/xla/cpuplugin"
)

const userRecipe = "user"

// waysOf returns the ways to get an engine's plugin, the preferred one first.
func waysOf(engine string, compileOnly bool) []way {
	switch {
	case engine == "cpu":
		return []way{builtCPU(tensorflowWheel, onednnWheel, tensorflowLibraries, cpuplugin.HasGloo(context.Background())), prebuiltCPU(prebuiltURL)}
	case compileOnly:
		return []way{cudaCompiler(cudaWheels)}
	case engine == "cuda":
		return []way{unpackedWheels(cudaWheels, cudaPath, keepCUDA)}
	default:
		return []way{unpackedWheels(tpuWheels, tpuPath, keepTPU)}
	}
}

// userPlugin records a plugin where it is.
func userPlugin(path string) way {
	return way{
		version: path, recipe: userRecipe,
		fill: func(context.Context, string, func(string)) (string, map[string]string, error) {
			path, err := filepath.Abs(path)
			return path, nil, err
		},
	}
}

// builtCPU builds package cpuplugin over the TensorFlow and oneDNN wheels, and keeps only their libraries. What python3 has
// of TensorFlow's is not downloaded. Gloo, where the machine has it, stays where it is.
func builtCPU(tensorflow, onednn wheel, libraries []pinned, gloo bool) way {
	const headers = 200e6
	return way{
		version: cpuplugin.Version(gloo),
		recipe:  cpuplugin.Version(gloo) + " " + tensorflow.sha256 + " " + onednn.sha256,
		disk:    2*tensorflow.bytes + tensorflow.unpacked + onednn.unpacked + headers,
		possible: func() error {
			_, err := cpuplugin.Compiler()
			return err
		},
		fill: func(ctx context.Context, dir string, progress func(string)) (string, map[string]string, error) {
			work := filepath.Join(dir, "wheel")
			if err := os.Mkdir(work, 0o755); err != nil {
				return "", nil, err
			}
			files := map[string]string{}
			wheels := []wheel{onednn}
			if reuse(ctx, tensorflow, libraries, work, progress) {
				for _, library := range libraries {
					files[library.name] = library.sha256
				}
			} else {
				wheels = append(wheels, tensorflow)
			}
			if err := unpackAll(ctx, wheels, work, work, keepForCPU, files, progress); err != nil {
				return "", nil, err
			}
			unpacked := filepath.Join(work, "tensorflow")
			if _, err := cpuplugin.Build(ctx, unpacked, dir, gloo, progress); err != nil {
				return "", nil, err
			}
			for _, name := range cpuplugin.Libraries {
				if err := os.Rename(filepath.Join(unpacked, name), filepath.Join(dir, name)); err != nil {
					return "", nil, err
				}
			}
			return cpuplugin.FileName, files, os.RemoveAll(work)
		},
	}
}

// keepForCPU lays out what cpuplugin.Build wants of both wheels.
func keepForCPU(name string) string {
	if strings.HasSuffix(name, ".data/data/lib/"+cpuplugin.OneDNNLibrary) {
		return "tensorflow/" + cpuplugin.OneDNNLibrary
	}
	under, ok := strings.CutPrefix(name, "tensorflow/")
	// tensorflow/include/tensorflow has a second copy of all headers of XLA.
	if ok && (slices.Contains(cpuplugin.Libraries, under) ||
		strings.HasPrefix(under, "include/") && !strings.HasPrefix(under, "include/tensorflow/")) {
		return name
	}
	return ""
}

// unpackedWheels keeps some files of wheels, one of which is the plugin.
func unpackedWheels(wheels []wheel, pluginPath string, keep func(name string) string) way {
	all := sha256.New()
	var largest, unpacked int64
	for _, w := range wheels {
		fmt.Fprintln(all, w.file, w.sha256)
		largest, unpacked = max(largest, w.bytes), unpacked+w.unpacked
	}
	version := wheels[0].name + "-" + wheels[0].version
	return way{
		version: version,
		recipe:  fmt.Sprintf("%s %x", version, all.Sum(nil)),
		disk:    2*largest + unpacked, // pip downloads to a temporary file and copies it
		fill: func(ctx context.Context, dir string, progress func(string)) (string, map[string]string, error) {
			work := filepath.Join(dir, "wheel")
			if err := os.Mkdir(work, 0o755); err != nil {
				return "", nil, err
			}
			files := map[string]string{}
			if err := unpackAll(ctx, wheels, work, dir, keep, files, progress); err != nil {
				return "", nil, err
			}
			return pluginPath, files, os.RemoveAll(work)
		},
	}
}

// The plugin's search path is $ORIGIN/../nvidia/..., and it looks for ptxas in ../nvidia/cu13/bin.
const cudaPath = "plugin/pjrt_c_api_cuda_plugin.so"

func keepCUDA(name string) string {
	switch {
	case path.Base(name) == "xla_cuda_plugin.so":
		return cudaPath
	case !strings.HasPrefix(name, "nvidia/"), strings.Contains(name, "/include/"), strings.HasSuffix(name, ".a"),
		strings.HasSuffix(name, ".py"):
		return ""
	}
	return name
}

// compilerBytes is what keepCompiler keeps of the wheels.
const compilerBytes = 480_000_000

// cudaCompiler unpacks what compiling for GPUs takes, and no library that running needs.
func cudaCompiler(all []wheel) way {
	var some []wheel
	for _, w := range all {
		if slices.Contains([]string{"jax-cuda13-pjrt", "nvidia-cuda-nvcc", "nvidia-nvvm"}, w.name) {
			w.unpacked = compilerBytes / 3
			some = append(some, w)
		}
	}
	w := unpackedWheels(some, cudaPath, keepCompiler)
	w.compileOnly = true
	w.recipe += " compile only"
	return w
}

// keepCompiler keeps the plugin, ptxas, nvlink and libdevice where the plugin looks for them.
func keepCompiler(name string) string {
	if keepCUDA(name) == cudaPath || slices.Contains([]string{"ptxas", "nvlink", "libdevice.10.bc"}, path.Base(name)) {
		return keepCUDA(name)
	}
	return ""
}

const tpuPath = "pjrt_c_api_tpu_plugin.so"

func keepTPU(name string) string {
	if name == "libtpu/libtpu.so" {
		return tpuPath
	}
	return ""
}
