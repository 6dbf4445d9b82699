// Stands in for XLA's header, of which the client's header needs only a name: saves compile time.
#pragma once
#include "xla/service/hlo.pb.h"

namespace xla {
class BufferAllocation;
}  // namespace xla
