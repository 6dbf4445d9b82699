// A launch: one execution of a program on several devices, from the call until the last device is done.
//
// XLA's own collectives cannot be told that a device will never arrive: they wait, warn, and end the process. These
// (collectives/) wait for a launch that can be aborted: when one device fails, or does not arrive in time, the others
// leave with an error. Everything that the devices of a launch share is here.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace xla::cpu {
class CpuCollectives;
}  // namespace xla::cpu

namespace mocotpu {

using Clock = std::chrono::steady_clock;

// A fault that a test asks for with MOCOTPU_CPU_FAULT; see fault.cc.
struct Fault {
  enum class Kind { kNone, kFail, kLate, kNever, kAllocation };
  Kind kind = Kind::kNone;
  int device = 0;
  int operation = 1;  // its collective operations are counted from 1
  int launch = 1;     // those of a client are counted from 1
  double seconds = 0;
};

// The fault that the environment asks for, of no kind where it asks for none.
absl::StatusOr<Fault> FaultFromEnvironment();

// What a device brings to a collective operation: addresses that the others read and write.
struct Part {
  std::vector<const char*> send;
  std::vector<char*> receive;
};

// One collective operation of a launch: the devices that take part, in their order, and XLA's number for it.
struct Operation {
  std::vector<int64_t> devices;
  bool over_channel = false;
  int64_t number = 0;

  bool operator<(const Operation& o) const {
    return std::tie(over_channel, number, devices) < std::tie(o.over_channel, o.number, o.devices);
  }
};

// For how long a launch may make no progress before that is reported, and before the devices that are missing are given
// up. XLA's flags for its own collectives say so.
struct Limits {
  std::chrono::seconds report, give_up;
};
Limits LimitsFromFlags();

class Launch : public std::enable_shared_from_this<Launch> {
 public:
  // Called once per device, in any order and from any thread, when it is done or has been given up.
  using Done = std::function<void(int index, const absl::Status&)>;

  // Starts to be watched at once. devices are their numbers; done is told by index into them. Ids are unique in the
  // process: XLA keys what its devices share by them.
  static std::shared_ptr<Launch> Start(std::string program, std::vector<int64_t> devices, Fault fault, Done done);
  // The launch with this id; null where it is over.
  static std::shared_ptr<Launch> Find(int32_t id);

  // An id that no launch under way has.
  static int32_t NewId();

  int32_t id() const { return id_; }

  // A device is done, or failed. The first failure aborts the launch.
  void Finish(int index, const absl::Status& status);

  // Meets the other devices of an operation, of which this is the one of this rank, and does its share of the work: work
  // gets the parts of all by rank. Returns when all have done theirs, and sooner only where not all will arrive.
  absl::Status Meet(const Operation& operation, const char* kind, int rank, const Part& part,
                    absl::FunctionRef<absl::Status(absl::Span<const Part* const>)> work);

  // Waits until no device runs any more, or for that long; fails where one still runs.
  absl::Status WaitUntilOver(std::chrono::seconds most);
  // Fails where a device has been given up, which may run for ever.
  absl::Status GivenUp();
  // How many devices still run though the launch was reported as failed.
  int Stragglers();

  // What the watch does at a time; returns when it wants to look again.
  Clock::time_point Look(Clock::time_point now);

 private:
  struct Device {
    int operations = 0;   // begun
    std::string waits;    // the operation that it waits in, "" for none
    bool over = false;    // it runs no more
    bool told = false;    // done has been called
  };
  struct Meeting {
    std::vector<const Part*> parts;  // by rank, null for those that have not arrived
    size_t arrived = 0, finished = 0;
  };
  using Lock = std::unique_lock<std::mutex>;

  Launch(std::string program, std::vector<int64_t> devices, Fault fault, Done done);
  int IndexOf(int64_t device) const;
  absl::Status Inject(int index, Lock& lock);
  // Ends all waiting. Devices that still run after patience are given up.
  void Abort(absl::Status why, std::chrono::seconds patience, Lock&);
  absl::Status StillRuns(Lock& lock) const;
  bool Over(Lock&) const;
  void Tell(std::vector<std::pair<int, absl::Status>> news);
  std::string Where(Lock&) const;
  Clock::time_point LookForProgress(Clock::time_point now, const Limits& limits, std::string* notice, Lock&);
  Clock::time_point LookForTheEnd(Clock::time_point now, std::vector<std::pair<int, absl::Status>>* news, Lock&);
  std::string Describe(const Operation& operation, const char* kind) const;

  const int32_t id_;
  const std::string program_;
  const std::vector<int64_t> numbers_;
  const Fault fault_;
  const Done done_;

  std::mutex mu_;  // guards what is below
  std::condition_variable changed_;
  std::vector<Device> devices_;
  std::map<Operation, std::shared_ptr<Meeting>> meetings_;
  absl::Status aborted_;  // why nobody waits any more
  Clock::time_point progress_, tell_at_, give_up_at_;  // the last two once it is aborted
  bool reported_ = false, given_up_ = false;
};

// Collective operations between the devices of a launch, for the client's options.
std::shared_ptr<xla::cpu::CpuCollectives> Collectives();

// Who hears of a launch that makes no progress: a line of text. Null for standard error.
void SetNotice(void (*notice)(const char* text));
void Notice(const std::string& text);

}  // namespace mocotpu
