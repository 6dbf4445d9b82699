package nvidia

// A Chip is a kind of GPU. Rates are peaks, which no program reaches; those of arithmetic are of dense matrices, in
// operations per second, and those of memory and links in bytes per second.
type Chip struct {
	Name    string // "h100"
	Product string // what the driver calls it
	// Major and Minor are the compute capability.
	Major, Minor int
	// SMs is how many multiprocessors it has, Clock their boost clock in GHz.
	SMs   int
	Clock float64
	L2    int64 // bytes
	// Published is the memory in GB that NVIDIA names, Memory the bytes that the driver leaves a program.
	Published int
	Memory    int64
	Bandwidth float64
	// Float32 is the peak without tensor cores, TF32 and BFloat16 those of tensor cores with sums in float32; 0 where they
	// cannot.
	Float32, TF32, BFloat16 float64
	// NVLink is what a GPU has into the switch that joins all GPUs of a host, each way; 0 where there is none. PCIe is the
	// bus, each way.
	NVLink, PCIe float64
	// Network is what a GPU has into the network among hosts, each way, in NVIDIA's own DGX; 0 where there is none.
	Network float64
	// Source of the figures.
	Source string
}

const (
	tera = 1e12
	giga = 1e9
	mib  = 1 << 20
	gib  = 1 << 30
)

// chips, by generation and size. Memory has no data sheet: it is what XLA's own descriptions of GPUs record of the driver,
// and where they do not have the GPU, what CUDA reports of it, rounded down to a tenth of a GiB.
var chips = []Chip{
	{
		Name: "t4", Product: "Tesla T4", Major: 7, Minor: 5, SMs: 40, Clock: 1.59, L2: 4 * mib, Published: 16, Memory: 147 * gib / 10,
		Bandwidth: 320 * giga, Float32: 8.1 * tera, PCIe: 16 * giga,
		Source: "NVIDIA T4 Tensor Core GPU, product page; NVIDIA Turing GPU Architecture, white paper",
	},
	{
		Name: "a100-40", Product: "NVIDIA A100-SXM4-40GB", Major: 8, SMs: 108, Clock: 1.41, L2: 40 * mib, Published: 40, Memory: 42331013120,
		Bandwidth: 1555 * giga, Float32: 19.5 * tera, TF32: 156 * tera, BFloat16: 312 * tera, NVLink: 300 * giga, PCIe: 32 * giga, Network: 25 * giga,
		Source: "NVIDIA A100 Tensor Core GPU Architecture, white paper; network: NVIDIA DGX A100, data sheet",
	},
	{
		Name: "a100", Product: "NVIDIA A100-SXM4-80GB", Major: 8, SMs: 108, Clock: 1.41, L2: 40 * mib, Published: 80, Memory: 85100068864,
		Bandwidth: 2039 * giga, Float32: 19.5 * tera, TF32: 156 * tera, BFloat16: 312 * tera, NVLink: 300 * giga, PCIe: 32 * giga, Network: 25 * giga,
		Source: "NVIDIA A100 Tensor Core GPU, data sheet (80GB SXM); network: NVIDIA DGX A100, data sheet",
	},
	{
		Name: "a10g", Product: "NVIDIA A10G", Major: 8, Minor: 6, SMs: 80, Clock: 1.71, L2: 6 * mib, Published: 24, Memory: 219 * gib / 10,
		Bandwidth: 600 * giga, Float32: 31.5 * tera, TF32: 35 * tera, BFloat16: 70 * tera, PCIe: 32 * giga,
		Source: "NVIDIA A10G, data sheet (Amazon EC2 G5)",
	},
	{
		Name: "rtx3090", Product: "NVIDIA GeForce RTX 3090", Major: 8, Minor: 6, SMs: 82, Clock: 1.695, L2: 6 * mib, Published: 24,
		Memory: 236 * gib / 10, Bandwidth: 936 * giga, Float32: 35.6 * tera, TF32: 35.6 * tera, BFloat16: 71 * tera, PCIe: 32 * giga,
		Source: "NVIDIA Ampere GA102 GPU Architecture, white paper",
	},
	{
		Name: "rtx3070", Product: "NVIDIA GeForce RTX 3070", Major: 8, Minor: 6, SMs: 46, Clock: 1.725, L2: 4 * mib, Published: 8,
		Memory: 78 * gib / 10, Bandwidth: 448 * giga, Float32: 20.3 * tera, TF32: 20.3 * tera, BFloat16: 40.6 * tera, PCIe: 32 * giga,
		Source: "NVIDIA Ampere GA102 GPU Architecture, white paper",
	},
	{
		Name: "l4", Product: "NVIDIA L4", Major: 8, Minor: 9, SMs: 58, Clock: 2.04, L2: 48 * mib, Published: 24, Memory: 219 * gib / 10,
		Bandwidth: 300 * giga, Float32: 30.3 * tera, TF32: 60 * tera, BFloat16: 121 * tera, PCIe: 32 * giga,
		Source: "NVIDIA L4 Tensor Core GPU, data sheet",
	},
	{
		Name: "l40s", Product: "NVIDIA L40S", Major: 8, Minor: 9, SMs: 142, Clock: 2.52, L2: 96 * mib, Published: 48, Memory: 444 * gib / 10,
		Bandwidth: 864 * giga, Float32: 91.6 * tera, TF32: 183 * tera, BFloat16: 362.05 * tera, PCIe: 32 * giga,
		Source: "NVIDIA L40S, data sheet",
	},
	{
		Name: "rtx4080", Product: "NVIDIA GeForce RTX 4080", Major: 8, Minor: 9, SMs: 76, Clock: 2.505, L2: 64 * mib, Published: 16,
		Memory: 156 * gib / 10, Bandwidth: 716.8 * giga, Float32: 48.7 * tera, TF32: 48.7 * tera, BFloat16: 97.5 * tera, PCIe: 32 * giga,
		Source: "NVIDIA Ada GPU Architecture, white paper",
	},
	{
		Name: "rtx4090", Product: "NVIDIA GeForce RTX 4090", Major: 8, Minor: 9, SMs: 128, Clock: 2.52, L2: 72 * mib, Published: 24,
		Memory: 236 * gib / 10, Bandwidth: 1008 * giga, Float32: 82.6 * tera, TF32: 82.6 * tera, BFloat16: 165.2 * tera, PCIe: 32 * giga,
		Source: "NVIDIA Ada GPU Architecture, white paper",
	},
	{
		Name: "h100-pcie", Product: "NVIDIA H100 PCIe", Major: 9, SMs: 114, Clock: 1.755, L2: 50 * mib, Published: 80, Memory: 84942979072,
		Bandwidth: 2039 * giga, Float32: 51 * tera, TF32: 378 * tera, BFloat16: 756 * tera, PCIe: 64 * giga,
		Source: "NVIDIA H100 Tensor Core GPU, data sheet (PCIe)",
	},
	{
		Name: "h100", Product: "NVIDIA H100 80GB HBM3", Major: 9, SMs: 132, Clock: 1.98, L2: 50 * mib, Published: 80, Memory: 84942979072,
		Bandwidth: 3352 * giga, Float32: 66.9 * tera, TF32: 494.7 * tera, BFloat16: 989.4 * tera, NVLink: 450 * giga, PCIe: 64 * giga, Network: 50 * giga,
		Source: "NVIDIA H100 Tensor Core GPU Architecture, white paper (SXM5); network: NVIDIA DGX H100, data sheet",
	},
	{
		Name: "h200", Product: "NVIDIA H200", Major: 9, SMs: 132, Clock: 1.98, L2: 50 * mib, Published: 141, Memory: 151397597184,
		Bandwidth: 4800 * giga, Float32: 66.9 * tera, TF32: 494.7 * tera, BFloat16: 989.4 * tera, NVLink: 450 * giga, PCIe: 64 * giga, Network: 50 * giga,
		Source: "NVIDIA H200 Tensor Core GPU, data sheet (SXM); network: NVIDIA DGX H200, data sheet",
	},
	{
		Name: "b200", Product: "NVIDIA B200", Major: 10, SMs: 148, Clock: 1.965, L2: 132644864, Published: 180, Memory: 191514411008,
		Bandwidth: 7700 * giga, Float32: 75 * tera, TF32: 1125 * tera, BFloat16: 2250 * tera, NVLink: 900 * giga, PCIe: 64 * giga, Network: 50 * giga,
		Source: "NVIDIA HGX platform, specifications (HGX B200); network: NVIDIA DGX B200, data sheet",
	},
	{
		Name: "rtx5090", Product: "NVIDIA GeForce RTX 5090", Major: 12, SMs: 170, Clock: 2.407, L2: 96 * mib, Published: 32,
		Memory: 313 * gib / 10, Bandwidth: 1792 * giga, Float32: 104.8 * tera, TF32: 104.8 * tera, BFloat16: 209.5 * tera, PCIe: 64 * giga,
		Source: "NVIDIA RTX Blackwell GPU Architecture, white paper",
	},
}

// Peak is the rate of convolutions in a precision of the encoder: "float32", "tf32" or "bfloat16". Where the GPU has no such
// arithmetic XLA takes float32.
func (c Chip) Peak(precision string) float64 {
	switch {
	case precision == "bfloat16" && c.BFloat16 > 0:
		return c.BFloat16
	case precision == "tf32" && c.TF32 > 0:
		return c.TF32
	}
	return c.Float32
}
