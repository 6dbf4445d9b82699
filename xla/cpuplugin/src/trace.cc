// Beside PJRT: a trace of what compiled programs run. XLA's CPU engine marks the begin and the end of every operation for a
// profiler; here they are recorded as XLA's threads pass them, for the whole process.

#include "absl/strings/match.h"
#include "xla/tsl/profiler/backends/cpu/traceme_recorder.h"

extern "C" {

// Starts recording. False where something else in the process records.
__attribute__((visibility("default"))) bool mocotpu_trace_start() { return tsl::profiler::TraceMeRecorder::Start(/*level=*/3); }

// Ends recording. Returns what was recorded of operations, a line for each mark: its begin and its end in nanoseconds of one clock,
// and its name, which tells operation, program and run. The caller frees the text; null where there is no memory for it.
__attribute__((visibility("default"))) char* mocotpu_trace_stop() try {
  std::string text;
  for (const auto& thread : tsl::profiler::TraceMeRecorder::Stop()) {
    for (const auto& event : thread.events) {
      if (absl::StrContains(event.name, "#hlo_op=") || absl::StartsWith(event.name, "end: ")) {
        absl::StrAppend(&text, event.start_time, "\t", event.end_time, "\t", event.name, "\n");
      }
    }
  }
  return strdup(text.c_str());
} catch (const std::exception&) {
  return nullptr;
}

}  // extern "C"
