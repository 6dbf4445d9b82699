// Types, dimensions and layouts between the C API and XLA.

#include "handles.h"

void NamedValues::Add(absl::string_view name, const xla::PjRtValueType& value) {
  PJRT_NamedValue v;
  std::memset(&v, 0, sizeof(v));
  v.struct_size = PJRT_NamedValue_STRUCT_SIZE;
  strings.emplace_back(name);
  v.name = strings.back().c_str();
  v.name_size = strings.back().size();
  v.value_size = 1;
  if (const auto* s = std::get_if<std::string>(&value)) {
    strings.push_back(*s);
    v.type = PJRT_NamedValue_kString;
    v.string_value = strings.back().c_str();
    v.value_size = strings.back().size();
  } else if (const auto* b = std::get_if<bool>(&value)) {
    v.type = PJRT_NamedValue_kBool;
    v.bool_value = *b;
  } else if (const auto* i = std::get_if<int64_t>(&value)) {
    v.type = PJRT_NamedValue_kInt64;
    v.int64_value = *i;
  } else if (const auto* l = std::get_if<std::vector<int64_t>>(&value)) {
    lists.push_back(*l);
    v.type = PJRT_NamedValue_kInt64List;
    v.int64_array_value = lists.back().data();
    v.value_size = lists.back().size();
  } else if (const auto* f = std::get_if<float>(&value)) {
    v.type = PJRT_NamedValue_kFloat;
    v.float_value = *f;
  } else {
    return;
  }
  values.push_back(v);
}

namespace {

// The two enumerations number the same types differently.
constexpr std::pair<PJRT_Buffer_Type, xla::PrimitiveType> kTypes[] = {
    {PJRT_Buffer_Type_PRED, xla::PRED},
    {PJRT_Buffer_Type_S8, xla::S8},
    {PJRT_Buffer_Type_S16, xla::S16},
    {PJRT_Buffer_Type_S32, xla::S32},
    {PJRT_Buffer_Type_S64, xla::S64},
    {PJRT_Buffer_Type_U8, xla::U8},
    {PJRT_Buffer_Type_U16, xla::U16},
    {PJRT_Buffer_Type_U32, xla::U32},
    {PJRT_Buffer_Type_U64, xla::U64},
    {PJRT_Buffer_Type_F16, xla::F16},
    {PJRT_Buffer_Type_F32, xla::F32},
    {PJRT_Buffer_Type_F64, xla::F64},
    {PJRT_Buffer_Type_BF16, xla::BF16},
    {PJRT_Buffer_Type_C64, xla::C64},
    {PJRT_Buffer_Type_C128, xla::C128},
    {PJRT_Buffer_Type_F8E5M2, xla::F8E5M2},
    {PJRT_Buffer_Type_F8E4M3FN, xla::F8E4M3FN},
    {PJRT_Buffer_Type_F8E4M3B11FNUZ, xla::F8E4M3B11FNUZ},
    {PJRT_Buffer_Type_F8E5M2FNUZ, xla::F8E5M2FNUZ},
    {PJRT_Buffer_Type_F8E4M3FNUZ, xla::F8E4M3FNUZ},
    {PJRT_Buffer_Type_S4, xla::S4},
    {PJRT_Buffer_Type_U4, xla::U4},
    {PJRT_Buffer_Type_S2, xla::S2},
    {PJRT_Buffer_Type_U2, xla::U2},
    {PJRT_Buffer_Type_F8E4M3, xla::F8E4M3},
    {PJRT_Buffer_Type_F8E3M4, xla::F8E3M4},
    {PJRT_Buffer_Type_F8E8M0FNU, xla::F8E8M0FNU},
    {PJRT_Buffer_Type_F4E2M1FN, xla::F4E2M1FN},
};

PJRT_Buffer_Type ToC(xla::PrimitiveType type) {
  for (const auto& [c, x] : kTypes) {
    if (x == type) return c;
  }
  return type == xla::TOKEN ? PJRT_Buffer_Type_TOKEN : PJRT_Buffer_Type_INVALID;
}

absl::StatusOr<xla::PrimitiveType> ArrayType(PJRT_Buffer_Type type) {
  for (const auto& [c, x] : kTypes) {
    if (c == type) return x;
  }
  return absl::InvalidArgumentError(absl::StrCat("buffer element type ", type, " is not known"));
}

absl::StatusOr<absl::Span<const int64_t>> Dims(const int64_t* dims, size_t n) {
  if (n > 0) RETURN_IF_ERROR(NotNull(dims, "dims"));
  if (n > 64) return absl::InvalidArgumentError(absl::StrCat("rank is ", n, ", want at most 64"));
  for (size_t i = 0; i < n; ++i) {
    if (dims[i] < 0) {
      return absl::InvalidArgumentError(absl::StrCat("negative dimension ", dims[i]));
    }
  }
  return absl::MakeConstSpan(dims, n);
}

// The dense layout that `c` describes for an array of this rank.
absl::StatusOr<xla::Layout> ToLayout(const PJRT_Buffer_MemoryLayout& c, int64_t rank) {
  if (c.type != PJRT_Buffer_MemoryLayout_Type_Tiled || c.tiled.num_tiles != 0) {
    return absl::UnimplementedError("layouts with strides or tiles are not implemented on CPU");
  }
  if (static_cast<int64_t>(c.tiled.minor_to_major_size) != rank) {
    return absl::InvalidArgumentError(absl::StrFormat("layout has %d dimensions, the buffer %d",
                                                      c.tiled.minor_to_major_size, rank));
  }
  if (rank > 0) RETURN_IF_ERROR(NotNull(c.tiled.minor_to_major, "layout.minor_to_major"));
  std::vector<int64_t> order(rank);
  std::vector<bool> seen(rank);
  for (int64_t i = 0; i < rank; ++i) {
    const int64_t d = c.tiled.minor_to_major[i];
    if (d < 0 || d >= rank || seen[d]) {
      return absl::InvalidArgumentError("layout.minor_to_major is not a permutation");
    }
    seen[d] = true;
    order[i] = d;
  }
  return xla::Layout(order);
}

// The on-device shape of an array, with its default layout where `c_layout` is null.
absl::StatusOr<xla::Shape> DeviceShape(xla::PjRtClient* client, PJRT_Buffer_Type c_type,
                                       const int64_t* c_dims, size_t num_dims,
                                       const PJRT_Buffer_MemoryLayout* c_layout) {
  ASSIGN_OR_RETURN(xla::PrimitiveType type, ArrayType(c_type));
  ASSIGN_OR_RETURN(absl::Span<const int64_t> dims, Dims(c_dims, num_dims));
  ASSIGN_OR_RETURN(xla::Shape shape, xla::ShapeUtil::MakeValidatedShape(type, dims));
  ASSIGN_OR_RETURN(xla::Layout layout, client->GetDefaultLayout(type, dims));
  if (c_layout != nullptr) {
    ASSIGN_OR_RETURN(layout, ToLayout(*c_layout, dims.size()));
  }
  // Executables pack elements smaller than a byte; the default layout does not say so.
  if (xla::primitive_util::IsSubByteNonPredType(type)) {
    layout.set_element_size_in_bits(xla::primitive_util::BitWidth(type));
  }
  *shape.mutable_layout() = std::move(layout);
  return shape;
}

absl::StatusOr<xla::PjRtMemorySpace*> MemoryOf(PJRT_Client* client, PJRT_Device* device) {
  RETURN_IF_ERROR(NotNull(device, "device"));
  if (device->client != client) {
    return absl::InvalidArgumentError("the device belongs to another client");
  }
  return device->device->default_memory_space();
}

}  // namespace
