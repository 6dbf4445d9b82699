// Stands in for XLA's header. Modules are only seen through shared pointers that XLA made, and read through
// these members, which libtensorflow_cc.so.2 exports: saves compile time.
#pragma once
#include <string>

#include "xla/hlo/ir/hlo_print_options.h"
#include "xla/service/hlo.pb.h"
#include "xla/xla.pb.h"

namespace xla {
class HloModule {
 public:
  void ToProto(HloModuleProto* proto) const;
  void ToProtoWithConfig(HloModuleProtoWithConfig* proto) const;
  std::string GetFingerprint128(
      const HloPrintOptions& options = HloPrintOptions::ModuleFingerprint()) const;
};
}  // namespace xla
