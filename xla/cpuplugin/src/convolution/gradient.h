// Gradients of kernels for processors whose widest registers are AVX2's, where oneDNN's take twice the time of a forward
// pass: their loops add up over few results before they go to memory. Here sums stay in registers over some 256 results.
//
// A gradient is a sum over the positions of results: of the products of the images' channels there, shifted by the tap, and
// the results' channels. It is computed in tiles of 16 channels in by 6 out, which fill the registers, over chunks of rows
// of results, which fill the fastest cache: both operands of a chunk are copied there first, channels of a tile side by side.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "floats.h"
#include "sizes.h"

namespace {

constexpr int64_t kTileIn = 16, kTileOut = 6, kTile = kTileIn * kTileOut;
constexpr int64_t kChunk = 256;  // positions of results, or fewer where images are read with strides

// Whether gradients of kernels are computed here and not by oneDNN.
bool IsTiled(const Sizes& s) {
  static const bool fit = [] {
    const char* wish = std::getenv("MOCOTPU_CPU_CONVOLUTIONS");  // for comparisons: onednn leaves them to it
    return (wish == nullptr || std::strcmp(wish, "onednn") != 0) && __builtin_cpu_supports("avx2") &&
           __builtin_cpu_supports("fma") && !__builtin_cpu_supports("avx512f");
  }();
  return fit && s.pass == Pass::kKernelGradient && s.type == Type::kF32 && s.in % kTileIn == 0 && s.dilation == Pair{1, 1};
}

// One tile over a chunk: rows of `width` positions, whose images begin at x + starts[row], `step` floats apart, and whose
// results lie in d, 6 floats each. Adds to c, [6, 16]. x and c are aligned to registers.
__attribute__((target("avx2,fma"), optimize("O2"))) void AddTile(const float* x, const int64_t* starts, int64_t rows,
                                                                 int64_t width, int64_t step, const float* d, float* c) {
  // By name: arrays of registers go to memory at -O1.
  __m256 a0 = _mm256_setzero_ps(), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0;
  __m256 b0 = a0, b1 = a0, b2 = a0, b3 = a0, b4 = a0, b5 = a0;
  for (int64_t row = 0; row < rows; ++row) {
    const float* at = x + starts[row];
    for (int64_t i = 0; i < width; ++i, at += step, d += kTileOut) {
      const __m256 first = _mm256_load_ps(at), second = _mm256_load_ps(at + 8);
#define MOCOTPU_MULTIPLY(R)                            \
  {                                                    \
    const __m256 result = _mm256_broadcast_ss(d + R);  \
    a##R = _mm256_fmadd_ps(first, result, a##R);       \
    b##R = _mm256_fmadd_ps(second, result, b##R);      \
  }
      MOCOTPU_MULTIPLY(0) MOCOTPU_MULTIPLY(1) MOCOTPU_MULTIPLY(2)
      MOCOTPU_MULTIPLY(3) MOCOTPU_MULTIPLY(4) MOCOTPU_MULTIPLY(5)
#undef MOCOTPU_MULTIPLY
    }
  }
#define MOCOTPU_ADD(R)                                                               \
  _mm256_store_ps(c + R * kTileIn, _mm256_add_ps(_mm256_load_ps(c + R * kTileIn), a##R)); \
  _mm256_store_ps(c + R * kTileIn + 8, _mm256_add_ps(_mm256_load_ps(c + R * kTileIn + 8), b##R));
  MOCOTPU_ADD(0) MOCOTPU_ADD(1) MOCOTPU_ADD(2) MOCOTPU_ADD(3) MOCOTPU_ADD(4) MOCOTPU_ADD(5)
#undef MOCOTPU_ADD
}

// The gradient of a kernel over a piece of the batch, in tiles: [in / 16, out / 6 rounded up, taps, 6, 16].
class TiledGradient {
 public:
  // That of an operand's piece: image [n, in] and result [n, out] have their channels last.
  TiledGradient(const Sizes& s, const float* image, const float* result)
      : s_(s),
        image_(image),
        result_(result),
        dense_(s.Taps() == 1),
        stride_(dense_ ? Pair{1, 1} : s.stride),
        wide_((s.result[1] - 1) * stride_[1] + s.kernel[1]),
        rows_(std::max<int64_t>(1, kChunk / s.result[1] / stride_[0])) {}

  static int64_t TilesOut(const Sizes& s) { return (s.out + kTileOut - 1) / kTileOut; }
  static int64_t Elements(const Sizes& s) { return s.in / kTileIn * TilesOut(s) * s.Taps() * kTile; }

  // Writes Elements floats to sum.
  void Run(float* sum) {
    std::fill(sum, sum + Elements(s_), 0.0f);
    const int64_t height = s_.result[0], all = s_.n * height;
    // Lines of images that a chunk reads: its rows', and a kernel's height more for every image in it.
    const int64_t most = rows_ * stride_[0] + (rows_ / height + 2) * s_.kernel[0];
    const Floats images = Allocate(most * wide_ * s_.in * sizeof(float));
    const Floats results = Allocate(rows_ * s_.result[1] * TilesOut(s_) * kTileOut * sizeof(float));
    std::vector<int64_t> starts(rows_);
    for (int64_t row = 0; row < all; row += rows_) {
      const int64_t rows = std::min(rows_, all - row), positions = rows * s_.result[1];
      CopyResults(row * s_.result[1], positions, results.get());
      const int64_t part = CopyImages(row, rows, images.get(), starts.data());
      float* tile = sum;
      for (int64_t in = 0; in < s_.in / kTileIn; ++in) {
        for (int64_t out = 0; out < TilesOut(s_); ++out) {
          for (int64_t y = 0; y < s_.kernel[0]; ++y) {
            for (int64_t x = 0; x < s_.kernel[1]; ++x, tile += kTile) {
              AddTile(images.get() + in * part + (y * wide_ + x) * kTileIn, starts.data(), rows, s_.result[1],
                      stride_[1] * kTileIn, results.get() + out * positions * kTileOut, tile);
            }
          }
        }
      }
    }
  }

  // Adds up such tiles of all pieces, in their order, and writes the sum in XLA's order, [taps, in, out].
  static void AddUp(const Sizes& s, const std::vector<const float*>& pieces, float* to) {
    int64_t at = 0;
    for (int64_t in = 0; in < s.in; in += kTileIn) {
      for (int64_t out = 0; out < s.out; out += kTileOut) {
        const int64_t width = std::min(kTileOut, s.out - out);
        for (int64_t tap = 0; tap < s.Taps(); ++tap, at += kTile) {
          float sum[kTile];
          std::memcpy(sum, pieces[0] + at, sizeof(sum));
          for (size_t p = 1; p < pieces.size(); ++p) {
            for (int64_t e = 0; e < kTile; ++e) sum[e] += pieces[p][at + e];
          }
          float* row = to + (tap * s.in + in) * s.out + out;
          for (int64_t i = 0; i < kTileIn; ++i, row += s.out) {
            for (int64_t o = 0; o < width; ++o) row[o] = sum[o * kTileIn + i];
          }
        }
      }
    }
  }

 private:
  // Copies results from a position on: [out / 6 rounded up, positions, 6], with zeros for what is rounded up.
  void CopyResults(int64_t first, int64_t positions, float* to) const {
    const float* from = result_ + first * s_.out;
    for (int64_t p = 0; p < positions; ++p, from += s_.out, to += kTileOut) {
      float* tile = to;
      int64_t out = 0;
      for (; out + kTileOut <= s_.out; out += kTileOut, tile += positions * kTileOut) {
        std::memcpy(tile, from + out, kTileOut * sizeof(float));
      }
      for (int64_t o = 0; out < s_.out && o < kTileOut; ++o) tile[o] = out + o < s_.out ? from[out + o] : 0;
    }
  }

  // Copies the lines of images that some rows of results are made of, [in / 16, lines, wide, 16], with zeros where the window
  // leaves the image; of a kernel of one tap only what it reads. Returns the floats between groups of channels, and where
  // each row of results begins.
  int64_t CopyImages(int64_t row, int64_t rows, float* to, int64_t* starts) const {
    const int64_t height = s_.result[0];
    int64_t lines = 0;
    for (int64_t r = row, count; r < row + rows; r += count) {
      count = std::min(height - r % height, row + rows - r);
      for (int64_t i = 0; i < count; ++i) *starts++ = (lines + i * stride_[0]) * wide_ * kTileIn;
      lines += (count - 1) * stride_[0] + s_.kernel[0];
    }
    const int64_t part = lines * wide_ * kTileIn;
    for (int64_t r = row, count; r < row + rows; r += count) {
      count = std::min(height - r % height, row + rows - r);
      const float* image = image_ + r / height * s_.image[0] * s_.image[1] * s_.in;
      const int64_t top = r % height * s_.stride[0] - s_.before[0];
      for (int64_t l = 0; l < (count - 1) * stride_[0] + s_.kernel[0]; ++l, to += wide_ * kTileIn) {
        CopyLine(image, top + l * (dense_ ? s_.stride[0] : 1), part, to);
      }
    }
    return part;
  }

  __attribute__((target("avx2"), optimize("O2"))) void CopyLine(const float* image, int64_t y, int64_t part, float* to) const {
    for (int64_t w = 0; w < wide_; ++w, to += kTileIn) {
      const int64_t x = w * (dense_ ? s_.stride[1] : 1) - s_.before[1];
      const bool inside = y >= 0 && y < s_.image[0] && x >= 0 && x < s_.image[1];
      const float* from = inside ? image + (y * s_.image[1] + x) * s_.in : nullptr;
      for (int64_t in = 0; in < s_.in; in += kTileIn) {
        float* tile = to + in / kTileIn * part;
        _mm256_store_ps(tile, inside ? _mm256_loadu_ps(from + in) : _mm256_setzero_ps());
        _mm256_store_ps(tile + 8, inside ? _mm256_loadu_ps(from + in + 8) : _mm256_setzero_ps());
      }
    }
  }

  const Sizes& s_;
  const float* const image_;
  const float* const result_;
  const bool dense_;     // of a kernel of one tap, only what it reads is copied
  const Pair stride_;    // within the copy
  const int64_t wide_;   // positions in a line of the copy
  const int64_t rows_;   // of results in a chunk
};

}  // namespace
