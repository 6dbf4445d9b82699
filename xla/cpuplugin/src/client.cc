// The client: its devices and what it is.

#include "handles.h"

namespace {

constexpr int64_t kMaxDevices = 1024, kMaxNodes = 1 << 16;

// Options: cpu_device_count (int64; else XLA_FLAGS=--xla_force_host_platform_device_count decides,
// else 1) and asynchronous (bool; default true). Of one of several processes also num_nodes and node_id (int64, as the
// CUDA plugin has them), gloo_host (string, an address of this machine; default 127.0.0.1) and gloo_timeout_seconds
// (int64; default 1800).
absl::StatusOr<Wanted> ClientOptions(const PJRT_Client_Create_Args* args) {
  Wanted wanted;
  if (args->num_options > 0) RETURN_IF_ERROR(NotNull(args->create_options, "create_options"));
  for (size_t i = 0; i < args->num_options; ++i) {
    const PJRT_NamedValue& v = args->create_options[i];
    const absl::string_view name(v.name, v.name_size);
    const auto integer = [&](int64_t low, int64_t high, int64_t* to) {
      if (v.type != PJRT_NamedValue_kInt64 || v.int64_value < low || v.int64_value > high) {
        return absl::InvalidArgumentError(absl::StrFormat("option %s must be an int64 in [%d, %d]", name, low, high));
      }
      *to = v.int64_value;
      return absl::OkStatus();
    };
    if (name == "cpu_device_count") {
      int64_t devices;
      RETURN_IF_ERROR(integer(1, kMaxDevices, &devices));
      wanted.options.cpu_device_count = static_cast<int>(devices);
    } else if (name == "asynchronous") {
      if (v.type != PJRT_NamedValue_kBool) {
        return absl::InvalidArgumentError("option asynchronous must be a bool");
      }
      wanted.options.asynchronous = v.bool_value;
    } else if (name == "num_nodes") {
      RETURN_IF_ERROR(integer(1, kMaxNodes, &wanted.nodes));
    } else if (name == "node_id") {
      RETURN_IF_ERROR(integer(0, kMaxNodes - 1, &wanted.node));
    } else if (name == "gloo_timeout_seconds") {
      RETURN_IF_ERROR(integer(1, 1 << 30, &wanted.timeout_seconds));
    } else if (name == "gloo_host") {
      if (v.type != PJRT_NamedValue_kString) {
        return absl::InvalidArgumentError("option gloo_host must be a string");
      }
      wanted.host = std::string(v.string_value, v.value_size);
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown option \"", name, "\" for the CPU client, want cpu_device_count, asynchronous, "
                       "num_nodes, node_id, gloo_host or gloo_timeout_seconds"));
    }
  }
  if (wanted.node >= wanted.nodes) {
    return absl::InvalidArgumentError(absl::StrFormat("option node_id is %d, want less than num_nodes, %d", wanted.node, wanted.nodes));
  }
  return wanted;
}

FN_TO(PJRT_Client_Create, client) {
  ASSIGN_OR_RETURN(Wanted wanted, ClientOptions(args));
  auto client = std::make_shared<PJRT_Client>();
  ASSIGN_OR_RETURN(client->fault, mocotpu::FaultFromEnvironment());
  if (wanted.nodes > 1) {
    ASSIGN_OR_RETURN(client->xla, ClientOfSeveral(args, std::move(wanted)));
  } else {
    wanted.options.collectives = mocotpu::Collectives();
    ASSIGN_OR_RETURN(client->xla, xla::GetXlaPjrtCpuClient(std::move(wanted.options)));
  }
  client->platform_name = std::string(client->xla->platform_name());
  client->platform_version = std::string(client->xla->platform_version());
  for (xla::PjRtDevice* d : client->xla->devices()) {
    client->owned_devices.push_back(std::make_unique<PJRT_Device>(
        PJRT_Device{d, client.get(), PJRT_DeviceDescription{&d->description()}}));
    client->devices.push_back(client->owned_devices.back().get());
    client->device_of[d] = client->devices.back();
  }
  for (xla::PjRtDevice* d : client->xla->addressable_devices()) {
    client->addressable_devices.push_back(client->Find(d));
  }
  client->self = client;
  args->client = client.get();
  return absl::OkStatus();
}

// How long destroying a client waits for the devices of its last launch.
constexpr std::chrono::seconds kLastLaunch{5};

// Moves what is alive out of its handles under the lock, and frees it without. XLA's client waits for its devices as it
// is freed: where one still runs, which may be for ever, nothing is.
FN(PJRT_Client_Destroy) {
  if (args->client == nullptr) return absl::OkStatus();
  std::shared_ptr<PJRT_Client> client = std::move(args->client->self);
  if (client == nullptr) return Dead("client");
  std::vector<std::unique_ptr<xla::PjRtBuffer>> buffers;
  std::vector<std::shared_ptr<xla::PjRtLoadedExecutable>> executables;
  {
    std::lock_guard<std::mutex> lock(client->mu);
    for (PJRT_Buffer* b : client->live_buffers) buffers.push_back(std::move(b->buffer));
    for (Program* p : client->live_programs) executables.push_back(std::move(p->exe));
  }
  if (const auto last = client->LastLaunch(); last != nullptr && !last->WaitUntilOver(kLastLaunch).ok()) {
    for (auto& b : buffers) (void)b.release();
    for (auto& e : executables) new std::shared_ptr<xla::PjRtLoadedExecutable>(std::move(e));
    (void)client->xla.release();
    return absl::OkStatus();
  }
  buffers.clear();
  executables.clear();
  client->xla.reset();
  mocotpu::ReleaseIdleMemory();
  mocotpu::ReleaseConvolutionMemory();
  return absl::OkStatus();
}

FN(PJRT_Client_PlatformName) {
  RETURN_IF_ERROR(Get(args->client).status());
  args->platform_name = args->client->platform_name.data();
  args->platform_name_size = args->client->platform_name.size();
  return absl::OkStatus();
}

FN(PJRT_Client_PlatformVersion) {
  RETURN_IF_ERROR(Get(args->client).status());
  args->platform_version = args->client->platform_version.data();
  args->platform_version_size = args->client->platform_version.size();
  return absl::OkStatus();
}

FN(PJRT_Client_ProcessIndex) {
  ASSIGN_OR_RETURN(auto* client, Get(args->client));
  args->process_index = client->process_index();
  return absl::OkStatus();
}

FN(PJRT_Client_Devices) {
  RETURN_IF_ERROR(Get(args->client).status());
  args->devices = args->client->devices.data();
  args->num_devices = args->client->devices.size();
  return absl::OkStatus();
}

FN(PJRT_Client_AddressableDevices) {
  RETURN_IF_ERROR(Get(args->client).status());
  args->addressable_devices = args->client->addressable_devices.data();
  args->num_addressable_devices = args->client->addressable_devices.size();
  return absl::OkStatus();
}

FN(PJRT_Client_DefaultDeviceAssignment) {
  ASSIGN_OR_RETURN(auto* client, Get(args->client));
  const int r = args->num_replicas, p = args->num_partitions;
  if (r < 1 || p < 1 || int64_t{r} * p > client->device_count()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%d replicas x %d partitions want %d devices, the client has %d", r, p,
                        int64_t{r} * p, client->device_count()));
  }
  if (args->default_assignment_size < static_cast<size_t>(r) * p) {
    return absl::InvalidArgumentError("default_assignment_size is too small");
  }
  ASSIGN_OR_RETURN(xla::DeviceAssignment assignment, client->GetDefaultDeviceAssignment(r, p));
  for (int i = 0; i < r; ++i) {
    for (int j = 0; j < p; ++j) {
      args->default_assignment[i * p + j] = static_cast<int>(assignment(i, j));
    }
  }
  return absl::OkStatus();
}

}  // namespace
