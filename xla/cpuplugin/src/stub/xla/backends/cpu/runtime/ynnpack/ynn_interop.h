// Stands in for XLA's header, which needs one that the wheel lacks; a thunk's parameters hold a pointer to this type,
// and nobody here looks at it.
#pragma once

namespace xla::cpu {
using YnnThreadpool = void*;
}  // namespace xla::cpu
