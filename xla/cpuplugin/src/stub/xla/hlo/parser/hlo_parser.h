// Stands in for XLA's header, of which pjrt_layout.h needs one function: saves compile time.
#pragma once
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "xla/layout.h"

namespace xla {
absl::StatusOr<Layout> ParseLayout(absl::string_view str);
}  // namespace xla
