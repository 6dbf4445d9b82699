package setup

// Pinned with their checksums. libtpu and JAX's CUDA plugin are those of JAX 0.10.2; NVIDIA's
// packages are those that the extra with-cuda of jax-cuda13-plugin asks for, at the versions that pip chose for it.

var tensorflowWheel = wheel{
	name: "tensorflow-cpu", version: "2.21.0", python: "3.11", platform: "manylinux_2_27_x86_64",
	file:   "tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl",
	sha256: "2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c",
	bytes:  273829956, unpacked: 853308936,
}

// Of the wheels of this version for Python 3.11, 3.12 and 3.13 (their RECORD files, 2026-12-01).
var tensorflowLibraries = []pinned{
	{"libtensorflow_cc.so.2", "6505a4b9657e62100c6bdacb683957a395cb047725042945aaa50e40a71e429e", 788086608},
	{"libtensorflow_framework.so.2", "f060b323b26ef80add21b9df9428de3aeaf2843d772c5bb098745f7abff3709b", 65222328},
}

// The newest oneDNN on the index that needs nothing but libgomp; later ones are built for Intel's runtimes.
var onednnWheel = wheel{
	name: "onednn-cpu-gomp", version: "2023.2.0", python: "3.11", platform: "manylinux1_x86_64",
	file:   "onednn_cpu_gomp-2023.2.0-py2.py3-none-manylinux1_x86_64.whl",
	sha256: "2f22a54d6a890ed14bfa185d42a4be65d8b5b1df85dc1f0f3a9abe31620416fb",
	bytes:  38888991, unpacked: 54569528,
}

var tpuWheels = []wheel{
	{
		name: "libtpu", version: "0.0.52", python: "3.12", platform: "manylinux_2_31_x86_64",
		file:   "libtpu-0.0.52-cp312-cp312-manylinux_2_31_x86_64.whl",
		sha256: "f76ab1f4d697c346371c50058796f6baa93317b89be8cf8a1012715a2655120d",
		bytes:  137064515, unpacked: 467479448,
	},
}

var cudaWheels = []wheel{
	{
		name: "jax-cuda13-pjrt", version: "0.10.2", python: "3.11", platform: "manylinux_2_27_x86_64",
		file:   "jax_cuda13_pjrt-0.10.2-py3-none-manylinux_2_27_x86_64.whl",
		sha256: "a97e9cabe0e21d8dbcc70bd909ca1c34cd546d3ce2d94b4cd907a8d4f6179f6a",
		bytes:  124395292, unpacked: 401479448,
	},
	{
		name: "nvidia-cublas", version: "13.10.0.20", python: "3.11", platform: "manylinux_2_5_x86_64",
		file:   "nvidia_cublas-13.10.0.20-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl",
		sha256: "dcc6d63884c53d07e267ce7e6feac17b2538cebaafec5db865736c3e28e4dc84",
		bytes:  444289903, unpacked: 609684976,
	},
	{
		name: "nvidia-cuda-cupti", version: "13.5.25", python: "3.11", platform: "manylinux_2_25_x86_64",
		file:   "nvidia_cuda_cupti-13.5.25-py3-none-manylinux_2_25_x86_64.whl",
		sha256: "9dcca41c12a734192b14e7128ae116bc9ce1b9da686e2ebf48ae7a4415f76650",
		bytes:  12592974, unpacked: 50057632,
	},
	{
		name: "nvidia-cuda-nvcc", version: "13.5.37", python: "3.11", platform: "manylinux_2_17_x86_64",
		file:   "nvidia_cuda_nvcc-13.5.37-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
		sha256: "f5c4f7ead5d964fb4af42bbf1e6d3ec3c1e6e9d83b53749f691d387e7fcaa3a7",
		bytes:  47028279, unpacked: 149616082,
	},
	{
		name: "nvidia-cuda-nvrtc", version: "13.5.37", python: "3.11", platform: "manylinux_2_12_x86_64",
		file:   "nvidia_cuda_nvrtc-13.5.37-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
		sha256: "86b4d68058807988b7d9af5b44917a0601e9c337f35ccd657bfb3c759ff8d8bc",
		bytes:  58185930, unpacked: 148431960,
	},
	{
		name: "nvidia-cuda-runtime", version: "13.5.37", python: "3.11", platform: "manylinux_2_17_x86_64",
		file:   "nvidia_cuda_runtime-13.5.37-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
		sha256: "df2b79a8852f10d1fef8c848489c49eebb5754051bf870202a862831412b179d",
		bytes:  2504024, unpacked: 806720,
	},
	{
		name: "nvidia-cudnn-cu13", version: "9.28.1.4", python: "3.11", platform: "manylinux_2_27_x86_64",
		file:   "nvidia_cudnn_cu13-9.28.1.4-py3-none-manylinux_2_27_x86_64.whl",
		sha256: "a54f205b1db1f2895d99f398754db1369816f0569dd459731f925635cf7b65ec",
		bytes:  516817937, unpacked: 940113128,
	},
	{
		name: "nvidia-cufft", version: "12.5.0.14", python: "3.11", platform: "manylinux_2_17_x86_64",
		file:   "nvidia_cufft-12.5.0.14-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
		sha256: "b8be26837a5abad2b5b74f3e92dd29f622a42934b355be0961a48712cbba23ad",
		bytes:  165072555, unpacked: 239085344,
	},
	{
		name: "nvidia-cusolver", version: "12.4.1.2", python: "3.11", platform: "manylinux_2_27_x86_64",
		file:   "nvidia_cusolver-12.4.1.2-py3-none-manylinux_2_27_x86_64.whl",
		sha256: "b3b8e02fd2f2df869369af075dc3a179d43f6f7b85e94632a7dce556697be044",
		bytes:  260003940, unpacked: 289454288,
	},
	{
		name: "nvidia-cusparse", version: "12.9.4.2", python: "3.11", platform: "manylinux_2_17_x86_64",
		file:   "nvidia_cusparse-12.9.4.2-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
		sha256: "072667e58c851a318738f5527a12eb225cbf058803f2ea451c722d8cf8edddec",
		bytes:  230422857, unpacked: 249581584,
	},
	{
		name: "nvidia-nccl-cu13", version: "2.32.3", python: "3.11", platform: "manylinux_2_27_x86_64",
		file:   "nvidia_nccl_cu13-2.32.3-py3-none-manylinux_2_27_x86_64.whl",
		sha256: "1459723080ac889d73a26edfa3e04383a7928ab31ac8f0ec43b3ea9548b04ff3",
		bytes:  305100071, unpacked: 359894460,
	},
	{
		name: "nvidia-nvjitlink", version: "13.5.37", python: "3.11", platform: "manylinux_2_12_x86_64",
		file:   "nvidia_nvjitlink-13.5.37-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
		sha256: "280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb",
		bytes:  46642491, unpacked: 117247464,
	},
	{
		name: "nvidia-nvshmem-cu13", version: "3.8.0", python: "3.11", platform: "manylinux_2_17_x86_64",
		file:   "nvidia_nvshmem_cu13-3.8.0-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
		sha256: "81a4d1f666543e6d34df6d2ff940c7da1435e34e186aab6f3c2b48861b64ef38",
		bytes:  182092449, unpacked: 259615202,
	},
	{
		name: "nvidia-nvvm", version: "13.5.37", python: "3.11", platform: "manylinux_2_12_x86_64",
		file:   "nvidia_nvvm-13.5.37-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
		sha256: "c41bfa362e407405163f103c2229f0765f8cc2ed7d148b754dc77f228bf7e070",
		bytes:  75141406, unpacked: 177456344,
	},
}
