// Programs over several processes: what the client and the unit that sees Gloo share.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace xla::cpu {
class CpuCollectives;
}  // namespace xla::cpu

namespace mocotpu {

// A store that all processes of a run see. Both functions throw std::exception where they fail.
struct SharedStore {
  std::function<std::string(const std::string& key, std::chrono::milliseconds timeout)> get;  // waits for the key
  std::function<void(const std::string& key, const std::string& value)> put;
};

// Collective operations of the devices of all processes: over TCP where they are those of several, and Collectives()
// within this one. The others reach this process at `host`, an address of this machine. `timeout` limits the wait for
// another process, both when connecting and in an operation.
absl::StatusOr<std::shared_ptr<xla::cpu::CpuCollectives>> GlooCollectives(SharedStore store, int process,
                                                                         const std::string& host,
                                                                         std::chrono::milliseconds timeout);

}  // namespace mocotpu
