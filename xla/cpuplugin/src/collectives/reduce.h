// Sums, products and extremes over the parts of all devices.
#pragma once

#include <algorithm>
#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "xla/core/collectives/reduction_kind.h"
#include "xla/primitive_util.h"

namespace mocotpu {

// The share of an array that a device of this rank computes.
struct Share {
  size_t first, count;
};

inline Share ShareOf(size_t elements, size_t ranks, size_t rank) {
  const size_t each = (elements + ranks - 1) / ranks;
  const size_t first = std::min(each * rank, elements);
  return {first, std::min(each * (rank + 1), elements) - first};
}

#pragma GCC push_options
#pragma GCC optimize("O3")  // loops over whole gradients

// Adds up in the order of ranks, from the neutral element on: the same numbers on every run, and XLA's own.
template <typename T, typename Combine>
void ReduceInto(T* out, absl::Span<const T* const> inputs, size_t count, T neutral, Combine combine) {
  constexpr size_t kBlock = 2048;  // stays in the fastest cache while all inputs pass
  T block[kBlock];
  for (size_t begin = 0; begin < count; begin += kBlock) {
    const size_t n = std::min(kBlock, count - begin);
    for (size_t i = 0; i < n; ++i) block[i] = neutral;
    for (const T* input : inputs) {
      const T* in = input + begin;
      for (size_t i = 0; i < n; ++i) block[i] = combine(block[i], in[i]);
    }
    std::copy(block, block + n, out + begin);
  }
}

#pragma GCC pop_options

template <typename T>
absl::Status ReduceAs(xla::ReductionKind kind, char* out, absl::Span<const char* const> inputs, size_t count) {
  T* to = reinterpret_cast<T*>(out);
  const absl::Span<const T* const> from(reinterpret_cast<const T* const*>(inputs.data()), inputs.size());
  switch (kind) {
    case xla::ReductionKind::SUM:
      ReduceInto<T>(to, from, count, T(0), [](T a, T b) -> T { return static_cast<T>(a + b); });
      return absl::OkStatus();
    case xla::ReductionKind::PRODUCT:
      ReduceInto<T>(to, from, count, T(1), [](T a, T b) -> T { return static_cast<T>(a * b); });
      return absl::OkStatus();
    default:
      break;
  }
  if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
    return absl::InvalidArgumentError("complex numbers have no smallest and no largest");
  } else {
    using Limits = std::numeric_limits<T>;
    if (kind == xla::ReductionKind::MIN) {
      const T most = Limits::has_infinity ? Limits::infinity() : Limits::max();
      ReduceInto<T>(to, from, count, most, [](T a, T b) -> T { return std::min(a, b); });
    } else {
      const T least = Limits::has_infinity ? static_cast<T>(-Limits::infinity()) : Limits::lowest();
      ReduceInto<T>(to, from, count, least, [](T a, T b) -> T { return std::max(a, b); });
    }
    return absl::OkStatus();
  }
}

inline absl::Status Reduce(xla::PrimitiveType type, xla::ReductionKind kind, char* out,
                           absl::Span<const char* const> inputs, size_t count) {
  switch (type) {
#define MOCOTPU_REDUCE(TYPE) \
  case xla::TYPE:            \
    return ReduceAs<xla::primitive_util::NativeTypeOf<xla::TYPE>>(kind, out, inputs, count);
    MOCOTPU_REDUCE(PRED)
    MOCOTPU_REDUCE(S8)
    MOCOTPU_REDUCE(U8)
    MOCOTPU_REDUCE(S16)
    MOCOTPU_REDUCE(U16)
    MOCOTPU_REDUCE(S32)
    MOCOTPU_REDUCE(U32)
    MOCOTPU_REDUCE(S64)
    MOCOTPU_REDUCE(U64)
    MOCOTPU_REDUCE(F16)
    MOCOTPU_REDUCE(BF16)
    MOCOTPU_REDUCE(F32)
    MOCOTPU_REDUCE(F64)
    MOCOTPU_REDUCE(C64)
    MOCOTPU_REDUCE(C128)
#undef MOCOTPU_REDUCE
    default:
      return absl::UnimplementedError(
          absl::StrCat("no reduction over devices of ", xla::primitive_util::LowercasePrimitiveTypeName(type)));
  }
}

}  // namespace mocotpu
