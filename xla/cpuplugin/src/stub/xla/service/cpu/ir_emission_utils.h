// Stands in for XLA's header, which needs LLVM's; the declaration is XLA's.
#pragma once

#include "xla/backends/cpu/codegen/target_machine_features.h"
#include "xla/hlo/ir/hlo_instruction.h"

namespace xla::cpu {
bool PotentiallyImplementedAsEigenConvolution(const HloInstruction& convolution,
                                              const TargetMachineFeatures& target_machine_features);
}  // namespace xla::cpu
