// A client of one of several processes.

#include <algorithm>
#include <iterator>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "handles.h"
#include "processes.h"
#include "xla/pjrt/plugin/xla_cpu/cpu_topology_description.h"

namespace {

// What the caller asks of a client.
struct Wanted {
  xla::CpuClientOptions options;
  int64_t node = 0, nodes = 1;     // this process among those of the run
  std::string host = "127.0.0.1";  // where the others reach this one
  int64_t timeout_seconds = 1800;  // for which another process is waited
};

// Throws what a callback of the caller's has failed with.
void Throw(PJRT_Error* error, const std::string& what) {
  if (error == nullptr) return;
  const std::string text = what + ": " + std::string(error->status.message());
  delete error;
  throw std::runtime_error(text);
}

// What callbacks make their errors with.
PJRT_Error* MakeError(PJRT_Error_Code code, const char* message, size_t size) {
  return new PJRT_Error{absl::Status(static_cast<absl::StatusCode>(code), absl::string_view(message, size))};
}

// The caller's callbacks as functions.
mocotpu::SharedStore StoreOf(const PJRT_Client_Create_Args* args) {
  static PJRT_CallbackError make_error = MakeError;
  mocotpu::SharedStore store;
  store.get = [get = args->kv_get_callback, user = args->kv_get_user_arg](const std::string& key,
                                                                          std::chrono::milliseconds timeout) {
    PJRT_KeyValueGetCallback_Args a;
    std::memset(&a, 0, sizeof(a));
    a.struct_size = PJRT_KeyValueGetCallback_Args_STRUCT_SIZE;
    a.key = key.data();
    a.key_size = key.size();
    a.timeout_in_ms = static_cast<int>(std::min<int64_t>(timeout.count(), INT32_MAX));
    a.callback_error = &make_error;
    a.user_arg = user;
    Throw(get(&a), "waiting for " + key);
    std::string value(a.value, a.value_size);
    a.value_deleter_callback(a.value);
    return value;
  };
  store.put = [put = args->kv_put_callback, user = args->kv_put_user_arg](const std::string& key,
                                                                          const std::string& value) {
    PJRT_KeyValuePutCallback_Args a;
    std::memset(&a, 0, sizeof(a));
    a.struct_size = PJRT_KeyValuePutCallback_Args_STRUCT_SIZE;
    a.key = key.data();
    a.key_size = key.size();
    a.value = value.data();
    a.value_size = value.size();
    a.callback_error = &make_error;
    a.user_arg = user;
    Throw(put(&a), "setting " + key);
  };
  return store;
}

#ifdef MOCOTPU_GLOO
// Processors with other instructions round in another way: what every device should compute alike would drift apart.
absl::Status OtherProcessor(int64_t node, absl::string_view theirs, absl::string_view ours) {
  const std::set<absl::string_view> there = absl::StrSplit(theirs, ' '), here = absl::StrSplit(ours, ' ');
  std::vector<absl::string_view> differ;
  std::set_symmetric_difference(there.begin(), there.end(), here.begin(), here.end(), std::back_inserter(differ));
  return absl::FailedPreconditionError(absl::StrCat(
      "the processor of process ", node, " is of another kind than this one's, and would round in another way: only one of them has ",
      absl::StrJoin(differ, ", "), "; want hosts of one kind"));
}

// The client knows the devices of all processes, and has collective operations that reach them.
absl::StatusOr<std::unique_ptr<xla::PjRtClient>> ClientOfSeveral(const PJRT_Client_Create_Args* args, Wanted wanted) {
  RETURN_IF_ERROR(NotNull(reinterpret_cast<const void*>(args->kv_get_callback), "kv_get_callback, which num_nodes above 1 needs,"));
  RETURN_IF_ERROR(NotNull(reinterpret_cast<const void*>(args->kv_put_callback), "kv_put_callback, which num_nodes above 1 needs,"));
  const mocotpu::SharedStore store = StoreOf(args);
  const std::chrono::milliseconds timeout(wanted.timeout_seconds * 1000);
  wanted.options.process_id = static_cast<int>(wanted.node);
  // What the machine is, from a client without the others.
  ASSIGN_OR_RETURN(auto alone, xla::GetXlaPjrtCpuClient(wanted.options));
  ASSIGN_OR_RETURN(const xla::PjRtTopologyDescription* topology, alone->GetTopologyDescription());
  const auto& own = static_cast<const xla::CpuTopologyDescription&>(*topology);
  const auto attributes = own.cpu_topology().machine_attributes();
  const std::string processor = absl::StrJoin(attributes, " ");
  store.put(absl::StrCat("devices/", wanted.node), absl::StrCat(alone->addressable_device_count(), " ", processor));
  std::vector<xla::CpuTopology::CpuDevice> devices;
  for (int64_t node = 0; node < wanted.nodes; ++node) {
    const std::string text = store.get(absl::StrCat("devices/", node), timeout);
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits(' ', 1));
    int n = 0;
    if (!absl::SimpleAtoi(parts.first, &n)) return absl::InternalError(absl::StrCat("process ", node, " has \"", parts.first, "\" devices"));
    if (parts.second != processor) return OtherProcessor(node, parts.second, processor);
    for (int i = 0; i < n; ++i) devices.push_back({static_cast<int>(node), i});
  }
  const xla::CpuTopologyDescription all(own.platform_id(), own.platform_name(), own.platform_version(), devices,
                                        own.cpu_topology().machine_attributes());
  wanted.options.cpu_device_count = static_cast<int>(devices.size());
  wanted.options.topology = &all;
  ASSIGN_OR_RETURN(wanted.options.collectives,
                   mocotpu::GlooCollectives(store, wanted.options.process_id, wanted.host, timeout));
  return xla::GetXlaPjrtCpuClient(std::move(wanted.options));
}
#else
absl::StatusOr<std::unique_ptr<xla::PjRtClient>> ClientOfSeveral(const PJRT_Client_Create_Args*, Wanted) {
  return absl::FailedPreconditionError(
      "this plugin was built without Gloo, which several processes need: apt-get install libgloo-dev, then mocotpu setup cpu");
}
#endif

}  // namespace
