// Faults that tests ask for: MOCOTPU_CPU_FAULT, read when a client is made.
//
//   fail:device=5,operation=2          its second collective operation fails there
//   late:device=5,operation=2,seconds=3
//   never:device=5,operation=2         it does not arrive
//   allocation:device=5                it is not started, for want of memory for its results
//
// each in the client's first launch on several devices, or in that of launch=N.

#include <cstdlib>
#include <thread>

#include "../launch.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace mocotpu {
namespace {

absl::Status BadFault(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "MOCOTPU_CPU_FAULT=", text, ", want fail, late, never or allocation, as in late:device=5,operation=2,seconds=3,launch=1"));
}

}  // namespace

absl::StatusOr<Fault> FaultFromEnvironment() {
  const char* text = std::getenv("MOCOTPU_CPU_FAULT");
  Fault fault;
  if (text == nullptr || *text == '\0') return fault;
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits(':', 1));
  const std::map<absl::string_view, Fault::Kind> kinds = {{"fail", Fault::Kind::kFail},
                                                          {"late", Fault::Kind::kLate},
                                                          {"never", Fault::Kind::kNever},
                                                          {"allocation", Fault::Kind::kAllocation}};
  const auto kind = kinds.find(parts.first);
  if (kind == kinds.end()) return BadFault(text);
  fault.kind = kind->second;
  for (absl::string_view word : absl::StrSplit(parts.second, ',', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> w = absl::StrSplit(word, absl::MaxSplits('=', 1));
    const bool ok = w.first == "device"      ? absl::SimpleAtoi(w.second, &fault.device)
                    : w.first == "operation" ? absl::SimpleAtoi(w.second, &fault.operation)
                    : w.first == "launch"    ? absl::SimpleAtoi(w.second, &fault.launch)
                    : w.first == "seconds"   ? absl::SimpleAtod(w.second, &fault.seconds)
                                             : false;
    if (!ok) return BadFault(text);
  }
  return fault;
}

// Does what the launch's fault has in store for a device that begins an operation.
absl::Status Launch::Inject(int index, Lock& lock) {
  if (fault_.device != numbers_[index] || fault_.operation != devices_[index].operations) return absl::OkStatus();
  switch (fault_.kind) {
    case Fault::Kind::kNone:
    case Fault::Kind::kAllocation:
      break;
    case Fault::Kind::kFail:
      return absl::InternalError("a fault asked for with MOCOTPU_CPU_FAULT");
    case Fault::Kind::kLate:
      lock.unlock();
      std::this_thread::sleep_for(std::chrono::duration<double>(fault_.seconds));
      lock.lock();
      break;
    case Fault::Kind::kNever:
      lock.unlock();
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
  }
  return absl::OkStatus();
}

}  // namespace mocotpu
