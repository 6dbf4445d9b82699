// Package augment makes the random views MoCo learns from, inside the compiled training step.
//
// The work is split in two. On the host, [Config.View] draws the parameters of one view of one image (crop box,
// flip, colour factors and their order, blur) and [Config.Draw] writes them as a row of numbers. In the graph,
// [Apply] turns a batch of uint8 images and their rows into normalised float32 views. [Plain] is the same without
// randomness, for evaluation.
//
// # Shapes
//
// Images are uint8 [N, S, S, C], channels last, C 1 or 3; parameters are float32 [N, Config.NumParams()], one row
// per image; views are float32 [N, size, size, 3], or of Config.Channels 1 [N, size, size, 1], normalised by Config.Mean and Config.Std of the [0, 1] scale.
// A 28 pixel image asked for at 32 is first padded with 2 black pixels a side, and crop boxes are relative to that
// canvas; one channel is repeated to three after the crop.
//
// # Reference
//
// Every operation follows torchvision on float tensors, with whole-pixel boxes to about 2e-6 per pixel on the
// [0, 1] scale (package selftest has its recorded outputs, and allows 2e-5). Known differences:
//
//   - Boxes are not rounded to whole pixels. A pixel belongs to a box when its centre does, which for whole-pixel
//     boxes is torchvision's crop.
//   - The flip is folded into the crop. It commutes exactly with everything after it: the colour operations act on
//     single pixels or on the mean of the image, and the blur is symmetric.
//   - The original MoCo runs on 8-bit PIL images, which rounds after each operation, and its blur is PIL's box
//     approximation; ours is a Gaussian. At 224 pixels from a smooth 256 pixel image, same parameters, the PIL
//     views differ by 0.0046 (v1), 0.0045 (v2) and 0.0067 (cifar) of the [0, 1] scale on average, one or two grey
//     levels of 255, and by 0.03, 0.04 and 0.06 at most (the generator script prints this).
//   - The Gaussian ends at Blur.Kernel, SimCLR's tenth of the view: 11 pixels to each side at 224, but one at 32, where a
//     sigma of 2 blurs like one of 0.8, and none below 20.
//
// # Sharding
//
// No operation crosses axis 0, so a batch split over devices stays split, and the parameters, split the same way,
// tell the compiler that the images are.
//
// # Errors
//
// Graph code panics, as GoMLX does; Preset and Config.Validate return errors.
//
// # Determinism
//
// A view is a pure function of (configuration, seed, epoch, index of the image, view): not of the batch, the
// device count, the order of calls or the goroutine. Each operation has a random stream of its own, so that
// switching one on leaves the others' draws as they were.
package augment
