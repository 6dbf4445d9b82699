// Package models is the map of mocotpu: it holds no code, its subpackages do, in the order an image travels.
// docs/architecture.md follows an image through them phase by phase, and docs/rationale.md says why they are as they are.
//
//	models/data      reads data sets: images uint8 [N, size, size, channels], labels int32 [N]
//	models/data/...  files lists image files and reads them on the way, picture decodes them, packed keeps them as
//	                 arrays mapped into memory; dataset opens any of these by its settings, and specimen draws
//	                 image files for tests and benchmarks
//	models/augment   draws two random views per image on the host, and makes them inside the compiled step
//	models/resnet    the encoder: ResNet, BatchNorm over groups of the batch, projection head
//	models/moco      one training step: query, momentum update, shuffle, key, loss, enqueue, SGD
//	models/step      compiles that step: the one place that does
//	models/run       a run: configuration and presets, its directory, metrics, learning rate
//	models/train     trains one: the loop, its feed, evaluation, diagnosis, checkpoints
//	models/encoder   opens a trained encoder, and turns images into features
//	models/bank      keeps the features of image files under their names, and finds the most similar ones
//	models/judge     what the features are worth: nearest neighbours, linear probes, finetuning, figures without labels
//	models/doctor    examines a data set: duplicates, leaked test images, how to train on it
//	models/report    one HTML page of runs: curves, views, neighbours, a map of the features
//	models/selftest  holds an engine to recorded numbers, to other engines and to itself
//	models/convert   writes encoders as other software reads them, and reads those of other software
//
// Beside them stand
//
//	models/run/checkpoint      the checkpoints of a run: written whole or not at all, verified when read
//	models/format/safetensors  named arrays in a file, as checkpoints and exports are written
//	models/format/torchfile    the files of torch.save
//	models/format/pickle       Python's pickles as plain data: nothing in one is executed
//	models/format/npy          arrays as NumPy files
//	models/format/onnx         ONNX models: an inference graph with its weights
//	models/format/tfevents     a run's metrics as TensorBoard's event files
//	xla                        opens an engine (go, cpu, cuda, tpu) and reads the programs it compiled
//	xla/engine                 which engine, as plain data
//	xla/hlo                    reads optimized programs: collectives, convolutions, aliased memory
//	xla/programs               keeps what was compiled on disk: programs that run, and compilations for a plan
//	xla/mesh                   compiles a graph function over a row of devices
//	xla/host/settings          what is wrong with a tree of settings, field by field
//	xla/host/child             other programs, and parts of this one, as child processes
//	xla/host/regular           opens regular files only, without waiting for what is none
//	xla/host/limits            the memory and the CPUs that the container leaves the process
//	xla/host/lock              a file's lock, which one process at a time holds
//	xla/host/guard             what ends a process: panics, of any goroutine, and signals
//	xla/host/durable           files that survive a crash, and the file system that a test breaks
//	xla/setup                  installs and finds PJRT plugins
//	xla/rendezvous             brings the processes of a run together
//	xla/cpuplugin              our PJRT plugin for CPUs, in C++, over the TensorFlow wheel
//	tpu                        Cloud TPUs by name, and a compiler for those that are not there
//	tpu/nvidia                 GPUs by name and NVIDIA's figures, and a compiler for those that are not there
//	tpu/plan                   compiles a program ahead of time, and reports what it needs and takes
//	cmd/mocotpu                the command
//	cmd/setup                  its setup alone, which make builds first: it downloads while the rest is compiled
//	cmd/internal/runflags      flags that describe a run, and messages that name them
//	cmd/machine                a run's configuration on an engine, or compiled for one that is not there
//	cmd/internal/training      trains on the engine that opens, in one process or in several that end together
//	cmd/internal/terminal      shows what the command does: bars for a person, lines for a log
//	cmd/mocotpu/bench          times training and reading here, beside PyTorch and JAX; benchstat reads its reports
//	notebooks/show             pictures, charts and tables in a GoNB notebook
//	docs/results               recorded measurements, and the program that writes them into README and docs
//
// # Words
//
// The global batch N is split over replicas (devices of the mesh). A group is a contiguous part of the batch
// with BatchNorm statistics of its own, whatever the number of devices. Images are [N, height, width, channels]
// everywhere; views are float32, normalised; keys and queries are float32 rows of unit length.
//
// # Errors
//
// Graph code (augment.Config.Apply, resnet.Forward, moco.Step.Build) panics, as GoMLX does; everything else returns
// errors, and xla/mesh is where the one becomes the other.
package models
