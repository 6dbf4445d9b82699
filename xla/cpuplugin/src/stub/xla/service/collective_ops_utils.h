// Stands in for XLA's header, of which the collectives need one struct, whose members these are: saves compile time.
#pragma once
#include <cstdint>
#include <vector>

#include "xla/core/collectives/reduction_kind.h"
#include "xla/executable_run_options.h"
#include "xla/runtime/device_id.h"

namespace xla {
struct RendezvousKey {
  enum CollectiveOpKind { kCrossModule, kCrossReplica };

  RunId run_id;
  std::vector<GlobalDeviceId> global_devices;
  int num_local_participants;
  CollectiveOpKind collective_op_kind;
  int64_t op_id;
};
}  // namespace xla
