// Which pass of which convolution an operation of XLA's is.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <tuple>

#include "xla/backends/cpu/runtime/convolution_dims.h"

namespace {

enum class Pass { kForward, kInputGradient, kKernelGradient };
enum class Type { kF32, kBf16 };

using Pair = std::array<int64_t, 2>;  // height, width

// A convolution by its forward pass: images [n, image, in] and a kernel [kernel, in, out] give [n, result, out].
struct Sizes {
  Pass pass;
  Type type;  // of operands and result
  int64_t n, in, out;
  Pair image, result, kernel, stride, dilation, before, after;

  auto Key() const {
    return std::tie(pass, type, n, in, out, image, result, kernel, stride, dilation, before, after);
  }
  bool operator<(const Sizes& other) const { return Key() < other.Key(); }

  int64_t ElementBytes() const { return type == Type::kF32 ? 4 : 2; }
  int64_t ImageBytes() const { return image[0] * image[1] * in * ElementBytes(); }
  int64_t ResultBytes() const { return result[0] * result[1] * out * ElementBytes(); }
  int64_t Taps() const { return kernel[0] * kernel[1]; }
};

Pair ToPair(const xla::cpu::ConvolutionCanonicalDims::Dims& d) { return {d.x, d.y}; }

// Sees a convolution of XLA's as a pass of one with strides: an input gradient is a convolution of the results with
// holes between them (base dilation), a kernel gradient one of the images with the results as the kernel.
// Nothing where that is not so, or XLA's paddings have no counterpart.
std::optional<Sizes> SizesOf(const xla::cpu::ConvolutionCanonicalDims& d, Type type, bool kernel_gradient) {
  if (d.convolution_rank() != 2 || d.feature_group_count != 1) return std::nullopt;
  const Pair input = ToPair(d.input_dims), window = ToPair(d.kernel_dims), output = ToPair(d.output_dims);
  const Pair strides = ToPair(d.strides), holes = ToPair(d.base_dilation), spread = ToPair(d.window_dilation);
  const Pair ones = {1, 1};
  Sizes s;
  s.type = type;
  s.before = ToPair(d.padding_before);
  if (kernel_gradient) {
    if (holes != ones) return std::nullopt;
    s.pass = Pass::kKernelGradient;
    s.n = d.input_channels, s.in = d.input_batch, s.out = d.kernel_filters;
    s.image = input, s.result = window, s.kernel = output, s.stride = spread, s.dilation = strides;
  } else if (holes != ones) {
    if (strides != ones) return std::nullopt;
    s.pass = Pass::kInputGradient;
    s.n = d.input_batch, s.in = d.kernel_filters, s.out = d.input_channels;
    s.image = output, s.result = input, s.kernel = window, s.stride = holes, s.dilation = spread;
    for (int i : {0, 1}) s.before[i] = (window[i] - 1) * spread[i] - s.before[i];
  } else {
    s.pass = Pass::kForward;
    s.n = d.input_batch, s.in = d.input_channels, s.out = d.kernel_filters;
    s.image = input, s.result = output, s.kernel = window, s.stride = strides, s.dilation = spread;
  }
  for (int i : {0, 1}) {
    const int64_t extent = (s.kernel[i] - 1) * s.dilation[i] + 1;
    s.after[i] = std::max<int64_t>(0, (s.result[i] - 1) * s.stride[i] + extent - s.image[i] - s.before[i]);
    const int64_t room = s.image[i] + s.before[i] + s.after[i] - extent;
    if (s.before[i] < 0 || room < 0 || room / s.stride[i] + 1 != s.result[i]) return std::nullopt;
  }
  return s;
}

}  // namespace
