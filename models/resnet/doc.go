// Package resnet builds the encoders of MoCo: ResNets with a projection head, as GoMLX graph code.
//
// # Shapes
//
// Images enter as [batch, height, width, channels], normalised, float32; channels are 3, or 1 for gray. The
// trunk computes channels last; its pooled features are [batch, Config.Features] and the projections
// [batch, Config.Dim], L2-normalised float32 rows.
//
// # Variables
//
// Every parameter and BatchNorm buffer is a variable of the scope given, named as torchvision names it
// ("layer1.0.conv1.weight"), float32. Convolution kernels are stored [height, width, in, out] and linear
// weights [out, in] (torchvision: [out, in, height, width] and [out, in]).
//
// # Errors
//
// Graph code panics, as GoMLX does; Config.Validate returns errors.
//
// # Determinism
//
// Initial values are a pure function of (seed, variable name): the same on every engine and device count.
package resnet
