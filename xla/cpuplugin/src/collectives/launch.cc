// What the devices of a launch share, and the watch over all launches.

#include "../launch.h"

#include <algorithm>
#include <thread>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace mocotpu {
namespace {

using std::chrono::duration_cast;
using std::chrono::seconds;

// For how long the devices of an aborted launch are waited for before its caller hears of it: within 5 s of the failure.
constexpr seconds kGrace{3};

// The launches that are not over, and the thread that looks after them. Never freed: XLA's threads may outlive statics.
class Watch {
 public:
  static Watch& Get() {
    static auto* watch = new Watch;
    return *watch;
  }

  int32_t NewId() {
    std::lock_guard<std::mutex> lock(mu_);
    do {
      last_id_ = last_id_ == INT32_MAX ? 1 : last_id_ + 1;
    } while (launches_.count(last_id_) > 0);
    return last_id_;
  }

  void Add(const std::shared_ptr<Launch>& launch) {
    std::lock_guard<std::mutex> lock(mu_);
    launches_[launch->id()] = launch;
    if (!running_) {
      running_ = true;
      std::thread([this] { Run(); }).detach();
    }
    changed_.notify_all();
  }

  void Remove(int32_t id) {
    std::lock_guard<std::mutex> lock(mu_);
    launches_.erase(id);
  }

  std::shared_ptr<Launch> Find(int32_t id) {
    std::lock_guard<std::mutex> lock(mu_);
    const auto at = launches_.find(id);
    return at == launches_.end() ? nullptr : at->second;
  }

  // A launch has been aborted: it wants to be looked at sooner.
  void Wake() {
    std::lock_guard<std::mutex> lock(mu_);
    soon_ = true;
    changed_.notify_all();
  }

  // A machine that is slow at every step is reported after ever longer times.
  seconds report_after() {
    std::lock_guard<std::mutex> lock(mu_);
    return std::max(LimitsFromFlags().report, report_after_);
  }
  void Reported(seconds after) {
    std::lock_guard<std::mutex> lock(mu_);
    report_after_ = std::max(report_after_, 2 * after);
  }

 private:
  void Run() {
    std::unique_lock<std::mutex> lock(mu_);
    for (;;) {
      soon_ = false;
      std::vector<std::shared_ptr<Launch>> all;
      for (const auto& [id, launch] : launches_) all.push_back(launch);
      lock.unlock();
      Clock::time_point next = Clock::time_point::max();
      for (const auto& launch : all) next = std::min(next, launch->Look(Clock::now()));
      const bool idle = all.empty();
      all.clear();
      lock.lock();
      if (soon_) continue;
      if (idle) {
        changed_.wait(lock, [&] { return soon_ || !launches_.empty(); });
      } else {
        // Progress moves a launch's deadline; looking every second or so is cheap.
        changed_.wait_until(lock, std::min(next, Clock::now() + seconds(1)), [&] { return soon_; });
      }
    }
  }

  std::mutex mu_;
  std::condition_variable changed_;
  std::unordered_map<int32_t, std::shared_ptr<Launch>> launches_;
  int32_t last_id_ = 0;
  bool running_ = false, soon_ = false;
  seconds report_after_{0};
};

std::string Names(const std::vector<int64_t>& devices) {
  return absl::StrCat(devices.size() == 1 ? "device " : "devices ", absl::StrJoin(devices, ", "));
}

int64_t SecondsSince(Clock::time_point then) { return duration_cast<seconds>(Clock::now() - then).count(); }

}  // namespace

Launch::Launch(std::string program, std::vector<int64_t> devices, Fault fault, Done done)
    : id_(Watch::Get().NewId()),
      program_(std::move(program)),
      numbers_(std::move(devices)),
      fault_(fault),
      done_(std::move(done)),
      devices_(numbers_.size()),
      progress_(Clock::now()) {}

std::shared_ptr<Launch> Launch::Start(std::string program, std::vector<int64_t> devices, Fault fault, Done done) {
  std::shared_ptr<Launch> launch(new Launch(std::move(program), std::move(devices), fault, std::move(done)));
  Watch::Get().Add(launch);
  return launch;
}

int32_t Launch::NewId() { return Watch::Get().NewId(); }

std::shared_ptr<Launch> Launch::Find(int32_t id) { return Watch::Get().Find(id); }

int Launch::IndexOf(int64_t device) const {
  const auto at = std::find(numbers_.begin(), numbers_.end(), device);
  return at == numbers_.end() ? -1 : static_cast<int>(at - numbers_.begin());
}

bool Launch::Over(Lock&) const {
  return std::all_of(devices_.begin(), devices_.end(), [](const Device& d) { return d.over; });
}

// Calls done without the lock: what it does may end in a call of this launch's.
void Launch::Tell(std::vector<std::pair<int, absl::Status>> news) {
  for (auto& [index, status] : news) done_(index, status);
}

// Now and in operations to come; nobody can join a meeting any more that was left.
void Launch::Abort(absl::Status why, seconds patience, Lock&) {
  if (!aborted_.ok()) return;
  aborted_ = std::move(why);
  tell_at_ = Clock::now() + kGrace;
  give_up_at_ = Clock::now() + patience;
  meetings_.clear();
  changed_.notify_all();
}

void Launch::Finish(int index, const absl::Status& status) {
  std::vector<std::pair<int, absl::Status>> news;
  bool over = false;
  {
    Lock lock(mu_);
    Device& d = devices_[index];
    absl::Status told = status;
    if (!status.ok() && aborted_.ok()) {
      const std::string where =
          d.operations == 0 ? "before its first collective operation"
                            : absl::StrFormat("after the start of its collective operation %d", d.operations);
      told = absl::Status(status.code(), absl::StrFormat("device %d failed in program %s, %s: %s", numbers_[index],
                                                         program_, where, status.message()));
      Abort(told, LimitsFromFlags().give_up, lock);
    } else if (!status.ok()) {
      told = aborted_;
    }
    d.over = true;
    d.waits.clear();
    progress_ = Clock::now();
    over = Over(lock);
    if (!d.told) news.emplace_back(index, told);
    d.told = true;
    changed_.notify_all();
  }
  Tell(std::move(news));
  if (over) Watch::Get().Remove(id_);
  if (!status.ok()) Watch::Get().Wake();
}

std::string Launch::Describe(const Operation& operation, const char* kind) const {
  return absl::StrCat(kind, operation.over_channel ? " of channel " : " of program ", operation.number);
}

absl::Status Launch::Meet(const Operation& operation, const char* kind, int rank, const Part& part,
                          absl::FunctionRef<absl::Status(absl::Span<const Part* const>)> work) {
  const size_t all = operation.devices.size();
  if (rank < 0 || static_cast<size_t>(rank) >= all) {
    return absl::InternalError(absl::StrFormat("rank %d in a %s of %d devices", rank, kind, all));
  }
  const int index = IndexOf(operation.devices[rank]);
  if (index < 0) return absl::InternalError(absl::StrFormat("device %d is not of this launch", operation.devices[rank]));
  std::string what = Describe(operation, kind);

  Lock lock(mu_);
  Device& device = devices_[index];
  ++device.operations;
  if (absl::Status s = Inject(index, lock); !s.ok()) return s;
  if (!aborted_.ok()) return aborted_;
  std::shared_ptr<Meeting>& joined = meetings_[operation];
  if (joined == nullptr) {
    joined = std::make_shared<Meeting>();
    joined->parts.resize(all);
  }
  const std::shared_ptr<Meeting> meeting = joined;
  if (meeting->parts[rank] != nullptr) {
    return absl::InternalError(absl::StrFormat("device %d is twice at %s", numbers_[index], what));
  }
  device.waits.swap(what);
  meeting->parts[rank] = &part;
  progress_ = Clock::now();
  if (++meeting->arrived == all) {
    meetings_.erase(operation);  // the next round of a loop has the same name
    changed_.notify_all();
  }
  changed_.wait(lock, [&] { return meeting->arrived == all || !aborted_.ok(); });
  if (meeting->arrived < all) {
    device.waits.clear();
    return aborted_;
  }
  // All are here, and none leaves before the last has done its share: their parts stay where they are.
  lock.unlock();
  const absl::Status status = work(meeting->parts);
  lock.lock();
  progress_ = Clock::now();
  if (++meeting->finished == all) changed_.notify_all();
  changed_.wait(lock, [&] { return meeting->finished == all; });
  device.waits.clear();
  return status;
}

absl::Status Launch::WaitUntilOver(seconds most) {
  Lock lock(mu_);
  const auto done = [&] { return given_up_ || Over(lock); };
  changed_.wait_until(lock, Clock::now() + most, done);
  return Over(lock) ? absl::OkStatus() : StillRuns(lock);
}

absl::Status Launch::GivenUp() {
  Lock lock(mu_);
  return given_up_ && !Over(lock) ? StillRuns(lock) : absl::OkStatus();
}

absl::Status Launch::StillRuns(Lock& lock) const {
  return absl::FailedPreconditionError(
      absl::StrCat("an earlier program still runs: ", Where(lock), "; open the engine again to go on"));
}

int Launch::Stragglers() {
  Lock lock(mu_);
  return static_cast<int>(
      std::count_if(devices_.begin(), devices_.end(), [](const Device& d) { return d.told && !d.over; }));
}

// Where the devices are.
std::string Launch::Where(Lock&) const {
  std::map<std::string, std::vector<int64_t>> waiting;
  std::vector<int64_t> elsewhere, over;
  for (size_t i = 0; i < devices_.size(); ++i) {
    const Device& d = devices_[i];
    (d.over ? over : d.waits.empty() ? elsewhere : waiting[d.waits]).push_back(numbers_[i]);
  }
  std::vector<std::string> parts;
  if (!elsewhere.empty()) {
    parts.push_back(absl::StrCat(Names(elsewhere), elsewhere.size() == 1 ? " has" : " have", " not arrived"));
  }
  for (const auto& [what, who] : waiting) parts.push_back(absl::StrCat(Names(who), who.size() == 1 ? " waits" : " wait", " at ", what));
  if (!over.empty()) parts.push_back(absl::StrCat(Names(over), over.size() == 1 ? " is" : " are", " done"));
  return absl::StrCat("program ", program_, ": ", absl::StrJoin(parts, "; "));
}

Clock::time_point Launch::Look(Clock::time_point now) {
  const Limits limits = LimitsFromFlags();
  std::vector<std::pair<int, absl::Status>> news;
  std::string notice;
  Clock::time_point next;
  {
    Lock lock(mu_);
    next = aborted_.ok() ? LookForProgress(now, limits, &notice, lock) : LookForTheEnd(now, &news, lock);
  }
  if (!notice.empty()) Notice(notice);
  Tell(std::move(news));
  return next;
}

Clock::time_point Launch::LookForProgress(Clock::time_point now, const Limits& limits, std::string* notice, Lock& lock) {
  const auto ahead = [](const Device& d) { return d.over || !d.waits.empty(); };
  if (std::none_of(devices_.begin(), devices_.end(), ahead)) return now + limits.report;  // all of them compute
  if (progress_ + limits.give_up <= now) {
    Abort(absl::DeadlineExceededError(absl::StrFormat(
              "no progress for %d s: %s. Where the machine is only slow, give it more time with "
              "XLA_FLAGS=--xla_cpu_collective_call_terminate_timeout_seconds=%d",
              SecondsSince(progress_), Where(lock), 10 * limits.give_up.count())),
          kGrace, lock);
    return tell_at_;
  }
  const seconds report = Watch::Get().report_after();
  if (!reported_ && progress_ + report <= now) {
    reported_ = true;
    Watch::Get().Reported(report);
    *notice = absl::StrFormat("xla: no progress for %d s: %s; waiting %d s more", SecondsSince(progress_), Where(lock),
                              limits.give_up.count() - SecondsSince(progress_));
  }
  return progress_ + (reported_ ? limits.give_up : std::min(report, limits.give_up));
}

Clock::time_point Launch::LookForTheEnd(Clock::time_point now, std::vector<std::pair<int, absl::Status>>* news, Lock&) {
  if (now < tell_at_) return tell_at_;
  for (size_t i = 0; i < devices_.size(); ++i) {
    if (!devices_[i].told) news->emplace_back(static_cast<int>(i), aborted_);
    devices_[i].told = true;
  }
  if (now < give_up_at_) return give_up_at_;
  given_up_ = true;
  changed_.notify_all();
  return now + std::chrono::hours(1);
}

}  // namespace mocotpu
