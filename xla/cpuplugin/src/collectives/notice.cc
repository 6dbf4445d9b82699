// Who hears of a launch that makes no progress, and after how long.

#include <atomic>
#include <cstdio>

#include "../launch.h"
#include "xla/debug_options_flags.h"
#include "xla/xla.pb.h"

namespace mocotpu {
namespace {

std::atomic<void (*)(const char*)> listener{nullptr};

}  // namespace

void SetNotice(void (*notice)(const char* text)) { listener = notice; }

void Notice(const std::string& text) {
  if (auto* notice = listener.load()) {
    notice(text.c_str());
  } else {
    std::fprintf(stderr, "%s\n", text.c_str());
  }
}

Limits LimitsFromFlags() {
  static const Limits limits = [] {
    const xla::DebugOptions flags = xla::GetDebugOptionsFromFlags();
    const auto duration = [](int64_t seconds) {
      return std::chrono::seconds(seconds < 0 ? 365 * 24 * 3600 : seconds);  // negative: without end
    };
    return Limits{duration(flags.xla_cpu_collective_call_warn_stuck_seconds()),
                  duration(flags.xla_cpu_collective_call_terminate_timeout_seconds())};
  }();
  return limits;
}

}  // namespace mocotpu
