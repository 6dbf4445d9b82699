package nvidia

import "fmt"

// defaultFraction is the part of a GPU's memory that XLA takes unless told otherwise.
const defaultFraction = 0.75

// Usable is the memory that a program may fill, given the part that the engine takes: 0 is XLA's default.
func (c Chip) Usable(memoryFraction float64) int64 {
	if memoryFraction == 0 {
		memoryFraction = defaultFraction
	}
	return int64(float64(c.Memory) * memoryFraction)
}

// A generation is what GPUs of a compute capability have in common.
type generation struct {
	lanes         int // of float32 in a multiprocessor
	threads       int // resident in a multiprocessor
	shared, block int // bytes of shared memory: of a multiprocessor, of a block that asks for all it can get
	accelerated   bool
}

// generations by compute capability, of the CUDA programming guide's table of technical specifications.
var generations = map[[2]int]generation{
	{7, 5}:  {64, 1024, 64 << 10, 64 << 10, false},
	{8, 0}:  {64, 2048, 164 << 10, 163 << 10, false},
	{8, 6}:  {128, 1536, 100 << 10, 99 << 10, false},
	{8, 9}:  {128, 1536, 100 << 10, 99 << 10, false},
	{9, 0}:  {128, 2048, 228 << 10, 227 << 10, true},
	{10, 0}: {128, 2048, 228 << 10, 227 << 10, true},
	{12, 0}: {128, 1536, 100 << 10, 99 << 10, false},
}

// linkRate is what one NVLink of the generations here carries each way. XLA asks for their number.
const linkRate = 25 * giga

// target describes the GPU to XLA: a GpuTargetConfigProto as text. XLA computes again rather than take more than about the
// default part of device_memory_size, so the size is what makes that part the memory that may be used. cuDNN's version
// decides what XLA hands to it, so it is that of the installed one.
func (c Chip) target(memoryFraction float64) string {
	g := generations[[2]int{c.Major, c.Minor}]
	extension := "NONE"
	if g.accelerated {
		extension = "ACCELERATED_FEATURES"
	}
	return fmt.Sprintf(`gpu_device_info {
  threads_per_block_limit: 1024
  threads_per_warp: 32
  shared_memory_per_block: 49152
  shared_memory_per_core: %d
  threads_per_core_limit: %d
  core_count: %d
  fpus_per_core: %d
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  memory_bandwidth: %d
  l2_cache_size: %d
  clock_rate_ghz: %g
  device_memory_size: %d
  shared_memory_per_block_optin: %d
  cuda_compute_capability { major: %d minor: %d feature_extension: %s }
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
  thread_dim_limit_x: 1024
  thread_dim_limit_y: 1024
  thread_dim_limit_z: 64
  device_vendor: "NVIDIA Corporation"
  name: %q
  driver_version: "13.0.0"
  runtime_version: "13.0.0"
  compile_time_toolkit_version: "13.0.0"
  dnn_version: "9.28.1"
  device_interconnect_info { active_links: %d }
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 28 patch: 1 }
runtime_version { major: 13 minor: 0 patch: 0 }
device_description_str: %q
`, g.shared, g.threads, c.SMs, g.lanes, int64(c.Bandwidth), c.L2, c.Clock, int64(float64(c.Usable(memoryFraction))/defaultFraction), g.block,
		c.Major, c.Minor, extension, c.Product, int(min(c.NVLink/linkRate, 18)), c.Product)
}
