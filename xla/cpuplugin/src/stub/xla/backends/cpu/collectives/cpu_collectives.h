// Stands in for XLA's header, of which the client's options need only a name: saves compile time.
#pragma once

namespace xla::cpu {
class CpuCollectives;
}  // namespace xla::cpu
