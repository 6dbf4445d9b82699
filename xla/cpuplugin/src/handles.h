// What the C handles are.
//
// Go's finalizers run in any order, so that a buffer or an executable may outlive its client:
// PJRT_Client_Destroy releases all that the client owns, and handles that survive it answer
// FAILED_PRECONDITION until they are destroyed themselves.
#pragma once

#include "launch.h"
#include "memory.h"
#include "status.h"

struct PJRT_Event {
  xla::Future<> future;
};

struct PJRT_DeviceDescription {
  const xla::PjRtDeviceDescription* description = nullptr;
};

struct PJRT_Device {
  xla::PjRtDevice* device = nullptr;
  PJRT_Client* client = nullptr;
  PJRT_DeviceDescription description;
};

struct Program;

struct PJRT_Client {
  std::shared_ptr<PJRT_Client> self;  // reset by PJRT_Client_Destroy
  std::unique_ptr<xla::PjRtClient> xla;  // null once destroyed
  std::string platform_name, platform_version;
  std::vector<std::unique_ptr<PJRT_Device>> owned_devices;
  std::vector<PJRT_Device*> devices, addressable_devices;
  std::unordered_map<const xla::PjRtDevice*, PJRT_Device*> device_of;

  mocotpu::Fault fault;
  std::mutex turn;  // held by who launches on several devices, one at a time
  int launches = 0;  // guarded by turn

  std::mutex mu;  // guards what is below
  std::unordered_set<PJRT_Buffer*> live_buffers;
  std::unordered_set<Program*> live_programs;
  std::shared_ptr<mocotpu::Launch> launch;  // the last one on several devices

  std::shared_ptr<mocotpu::Launch> LastLaunch() {
    std::lock_guard<std::mutex> lock(mu);
    return launch;
  }

  PJRT_Device* Find(const xla::PjRtDevice* d) const {
    auto it = device_of.find(d);
    return it == device_of.end() ? nullptr : it->second;
  }
};

// Storage behind an array of PJRT_NamedValue; the deque keeps its elements where they are.
struct NamedValues {
  std::deque<std::string> strings;
  std::deque<std::vector<int64_t>> lists;
  std::vector<PJRT_NamedValue> values;

  NamedValues() = default;
  NamedValues(const NamedValues&) = delete;
  NamedValues& operator=(const NamedValues&) = delete;

  void Add(absl::string_view name, const xla::PjRtValueType& value);
};

// What a loaded executable and the executables made from it share.
struct Program {
  std::shared_ptr<PJRT_Client> client;
  std::shared_ptr<xla::PjRtLoadedExecutable> exe;  // null once the client died
  std::string name;
  std::vector<PJRT_Device*> devices;  // empty: portable, each call names its device
  bool has_params = false;
  std::vector<xla::Shape> params, outputs;  // per device
  std::vector<PJRT_Buffer_Type> output_types;
  std::vector<int64_t> output_dims;  // of all outputs, one after the other
  std::vector<size_t> output_ranks;

  std::mutex mu;  // guards what is below, filled on demand
  std::optional<std::string> optimized, fingerprint;
  std::unique_ptr<NamedValues> cost;

  ~Program() {
    if (client == nullptr) return;
    std::lock_guard<std::mutex> lock(client->mu);
    client->live_programs.erase(this);
  }
};

struct PJRT_Executable {
  std::shared_ptr<Program> program;
};

struct PJRT_LoadedExecutable {
  std::shared_ptr<Program> program;
};

struct PJRT_Buffer {
  std::shared_ptr<PJRT_Client> client;
  std::unique_ptr<xla::PjRtBuffer> buffer;  // null once the client died

  PJRT_Buffer(PJRT_Client* c, std::unique_ptr<xla::PjRtBuffer> b)
      : client(c->self), buffer(std::move(b)) {
    std::lock_guard<std::mutex> lock(client->mu);
    client->live_buffers.insert(this);
  }
  ~PJRT_Buffer() {
    std::lock_guard<std::mutex> lock(client->mu);
    client->live_buffers.erase(this);
  }
};

namespace {

absl::Status Dead(const char* what) {
  return absl::FailedPreconditionError(absl::StrCat(what, " is null, or its client was destroyed"));
}
absl::StatusOr<xla::PjRtClient*> Get(PJRT_Client* c) {
  if (c == nullptr || c->xla == nullptr) return Dead("client");
  return c->xla.get();
}
absl::StatusOr<xla::PjRtBuffer*> Get(PJRT_Buffer* b) {
  if (b == nullptr || b->buffer == nullptr) return Dead("buffer");
  return b->buffer.get();
}
template <typename Executable>  // loaded or not
absl::StatusOr<std::shared_ptr<xla::PjRtLoadedExecutable>> Get(const Executable* e) {
  if (e == nullptr || e->program->exe == nullptr) return Dead("executable");
  return e->program->exe;
}

PJRT_Event* NewEvent(xla::Future<> future) { return new PJRT_Event{std::move(future)}; }

absl::StatusOr<PJRT_Buffer*> NewBuffer(PJRT_Client* client,
                                       absl::StatusOr<std::unique_ptr<xla::PjRtBuffer>> buffer) {
  if (!buffer.ok()) return std::move(buffer).status();
  return new PJRT_Buffer(client, *std::move(buffer));
}

}  // namespace
