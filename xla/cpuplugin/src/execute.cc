// Execution.

#include "handles.h"

namespace {

// Looks for what would make a launch fail on some devices only: XLA then aborts the process, as the
// others wait for them in a collective. No stricter than XLA, which compares sizes and not shapes.
absl::Status CheckArguments(const Program& p, int device_index,
                            const std::vector<xla::PjRtBuffer*>& arguments) {
  if (!p.has_params) return absl::OkStatus();
  if (arguments.size() != p.params.size()) {
    return absl::InvalidArgumentError(absl::StrFormat("got %d arguments, the program wants %d",
                                                      arguments.size(), p.params.size()));
  }
  const xla::PjRtDevice* device = p.devices[device_index]->device;
  for (size_t i = 0; i < arguments.size(); ++i) {
    xla::PjRtBuffer& b = *arguments[i];
    if (b.IsDeleted()) {
      return absl::InvalidArgumentError(
          absl::StrFormat("argument %d of device %d was deleted or donated", i, device_index));
    }
    if (b.device() != device) {
      return absl::InvalidArgumentError(
          absl::StrFormat("argument %d of device %d is on %s, want %s", i, device_index,
                          b.device()->DebugString(), device->DebugString()));
    }
    const xla::Shape& want = p.params[i];
    if (!want.IsArray() || !want.is_static() || b.has_dynamic_dimensions()) continue;
    ASSIGN_OR_RETURN(const size_t size, b.GetOnDeviceSizeInBytes());
    if (size != static_cast<size_t>(xla::ShapeUtil::ByteSizeOf(want))) {
      return absl::InvalidArgumentError(
          absl::StrFormat("argument %d of device %d has shape %s, the program wants %s", i,
                          device_index, b.on_device_shape().ToString(), want.ToString()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckLaunch(const Program& p, const PJRT_LoadedExecutable_Execute_Args* args) {
  const size_t n = args->num_devices;
  if (n > 0 && args->num_args > 0) RETURN_IF_ERROR(NotNull(args->argument_lists, "argument_lists"));
  if (n > 0 && !p.outputs.empty()) RETURN_IF_ERROR(NotNull(args->output_lists, "output_lists"));
  if (args->execute_device != nullptr) {
    if (n != 1) return absl::InvalidArgumentError("execute_device is set: num_devices must be 1");
    if (args->execute_device->client != p.client.get()) {
      return absl::InvalidArgumentError("execute_device belongs to another client");
    }
  } else if (p.devices.empty()) {
    return absl::InvalidArgumentError("a portable executable wants execute_device");
  } else if (n != p.devices.size()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "got arguments for %d devices, the executable runs on %d", n, p.devices.size()));
  }
  return absl::OkStatus();
}

absl::StatusOr<xla::ExecuteOptions> ToExecuteOptions(const PJRT_ExecuteOptions* o) {
  xla::ExecuteOptions options;
  options.use_major_to_minor_data_layout_for_callbacks = true;
  if (o == nullptr) return options;
  if (o->num_send_ops != 0 || o->num_recv_ops != 0) {
    return absl::UnimplementedError("send and receive callbacks are not implemented");
  }
  if (o->num_non_donatable_input_indices > 0) {
    RETURN_IF_ERROR(NotNull(o->non_donatable_input_indices, "non_donatable_input_indices"));
  }
  for (size_t i = 0; i < o->num_non_donatable_input_indices; ++i) {
    options.non_donatable_input_indices.insert(static_cast<int>(o->non_donatable_input_indices[i]));
  }
  return options;
}

using Buffers = std::vector<std::vector<xla::PjRtBuffer*>>;  // [device][argument]

absl::StatusOr<Buffers> Arguments(const Program& p, const PJRT_LoadedExecutable_Execute_Args* args) {
  Buffers arguments(args->num_devices);
  for (size_t d = 0; d < args->num_devices; ++d) {
    arguments[d].reserve(args->num_args);
    for (size_t i = 0; i < args->num_args; ++i) {
      PJRT_Buffer* b = args->argument_lists[d][i];
      if (b == nullptr || b->buffer == nullptr) {
        return absl::InvalidArgumentError(
            absl::StrFormat("argument %d of device %d is null or destroyed", i, d));
      }
      if (b->client != p.client) {
        return absl::InvalidArgumentError(
            absl::StrFormat("argument %d of device %d belongs to another client", i, d));
      }
      arguments[d].push_back(b->buffer.get());
    }
    if (args->num_devices > 1) RETURN_IF_ERROR(CheckArguments(p, d, arguments[d]));
  }
  return arguments;
}

struct Launched {
  std::vector<std::vector<std::unique_ptr<xla::PjRtBuffer>>> outputs;  // [device][output]
  std::vector<xla::Future<>> done;                                     // [device]
};

absl::StatusOr<Launched> LaunchOne(xla::PjRtLoadedExecutable& exe, bool portable,
                                   PJRT_Device* device, const Buffers& arguments,
                                   const xla::ExecuteOptions& options) {
  Launched launched;
  std::optional<xla::Future<>> done;
  auto outputs = portable
                     ? exe.ExecutePortable(arguments[0], device->device, options, done, true)
                     : exe.ExecuteSharded(arguments[0], device->device, options, done, true);
  if (!outputs.ok()) return std::move(outputs).status();
  launched.outputs.push_back(*std::move(outputs));
  launched.done.push_back(done.has_value() ? *std::move(done) : xla::Future<>(absl::OkStatus()));
  return launched;
}

// A device that has been given up in an earlier launch would keep this one waiting.
absl::Status CheckLastLaunch(PJRT_Client& client) {
  const auto last = client.LastLaunch();
  return last == nullptr ? absl::OkStatus() : last->GivenUp();
}

// Finishes the devices that were not started, also where an exception is thrown.
class Starting {
 public:
  Starting(std::shared_ptr<mocotpu::Launch> launch, size_t devices) : launch_(std::move(launch)), devices_(devices) {}
  ~Starting() {
    for (; next_ < devices_; ++next_) launch_->Finish(next_, absl::AbortedError("not started"));
  }
  void Started(const xla::Future<>& done) {
    done.OnReady([launch = launch_, index = next_](const absl::Status& s) { launch->Finish(index, s); });
    ++next_;
  }
  void Failed(const absl::Status& status) { launch_->Finish(next_++, status); }

 private:
  const std::shared_ptr<mocotpu::Launch> launch_;
  const size_t devices_;
  size_t next_ = 0;
};

// Starts a program on its devices, one launch at a time: the next one waits until no device runs this one any more. XLA
// could start them all at once, but where one cannot be started it would tell neither which, nor the others. Each
// device's error is that of its future; the results of one that failed are missing.
absl::StatusOr<Launched> LaunchAll(const Program& p, xla::PjRtLoadedExecutable& exe, const Buffers& arguments,
                                   xla::ExecuteOptions options) {
  PJRT_Client& client = *p.client;
  const size_t n = arguments.size();
  Launched launched;
  launched.outputs.resize(n);
  std::vector<int64_t> numbers;
  auto promises = std::make_shared<std::vector<xla::Promise<>>>();
  for (const PJRT_Device* d : p.devices) {
    numbers.push_back(d->device->global_device_id().value());
    auto [promise, done] = xla::MakePromise<>();
    promises->push_back(std::move(promise));
    launched.done.push_back(std::move(done));
  }
  std::lock_guard<std::mutex> turn(client.turn);
  if (const auto last = client.LastLaunch(); last != nullptr) {
    RETURN_IF_ERROR(last->WaitUntilOver(std::chrono::hours(24)));  // until it is over or given up
  }
  const bool faulty = ++client.launches == client.fault.launch;
  const mocotpu::Fault fault = faulty ? client.fault : mocotpu::Fault();
  const auto launch = mocotpu::Launch::Start(
      p.name, numbers, fault, [promises](int index, const absl::Status& s) { (*promises)[index].Set(s); });
  Starting starting(launch, n);
  {
    std::lock_guard<std::mutex> lock(client.mu);
    client.launch = launch;
  }
  options.launch_id = launch->id();
  options.execution_mode = xla::ExecuteOptions::ExecutionMode::kAsynchronous;
  for (size_t d = 0; d < n; ++d) {
    std::optional<xla::Future<>> done;
    auto outputs = fault.kind == mocotpu::Fault::Kind::kAllocation && fault.device == numbers[d]
                       ? absl::ResourceExhaustedError("a fault asked for with MOCOTPU_CPU_FAULT")
                       : exe.ExecuteSharded(arguments[d], p.devices[d]->device, options, done, true);
    if (!outputs.ok()) {
      starting.Failed(outputs.status());
      break;
    }
    launched.outputs[d] = *std::move(outputs);
    starting.Started(done.has_value() ? *done : xla::Future<>(absl::OkStatus()));
  }
  return launched;
}

FN_TO(PJRT_LoadedExecutable_Execute, execute_device) {
  ASSIGN_OR_RETURN(auto exe, Get(args->executable));
  const Program& p = *args->executable->program;
  RETURN_IF_ERROR(CheckLaunch(p, args));
  ASSIGN_OR_RETURN(xla::ExecuteOptions options, ToExecuteOptions(args->options));
  ASSIGN_OR_RETURN(Buffers arguments, Arguments(p, args));
  const size_t n = args->num_devices;
  Launched launched;
  if (n == 1) {
    RETURN_IF_ERROR(CheckLastLaunch(*p.client));
    options.launch_id = mocotpu::Launch::NewId();
    PJRT_Device* device = args->execute_device != nullptr ? args->execute_device : p.devices[0];
    ASSIGN_OR_RETURN(launched, LaunchOne(*exe, p.devices.empty(), device, arguments, options));
  } else {
    ASSIGN_OR_RETURN(launched, LaunchAll(p, *exe, arguments, std::move(options)));
  }
  if (launched.outputs.size() != n || launched.done.size() != n) {
    return absl::InternalError("XLA returned results for another number of devices");
  }
  for (const auto& list : launched.outputs) {
    if (list.size() == p.outputs.size() || list.empty()) continue;
    return absl::InternalError(
        absl::StrFormat("XLA returned %d outputs, want %d", list.size(), p.outputs.size()));
  }
  for (size_t d = 0; d < n; ++d) {
    const bool started = !launched.outputs[d].empty();
    for (size_t i = 0; i < p.outputs.size(); ++i) {
      args->output_lists[d][i] =
          started ? new PJRT_Buffer(p.client.get(), std::move(launched.outputs[d][i])) : nullptr;
    }
    if (args->device_complete_events != nullptr) {
      args->device_complete_events[d] = NewEvent(std::move(launched.done[d]));
    }
  }
  return absl::OkStatus();
}

}  // namespace
