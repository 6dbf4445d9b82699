// Stands in for XLA's header, which needs LLVM's; here only a name is used.
#pragma once

namespace xla::cpu {
class TargetMachineFeatures;
}  // namespace xla::cpu
