// A compiled program as bytes, and back.

#include "handles.h"

struct PJRT_SerializedExecutable {
  std::string bytes;
};

namespace {

FN(PJRT_Executable_Serialize) {
  ASSIGN_OR_RETURN(auto exe, Get(args->executable));
  ASSIGN_OR_RETURN(std::string bytes, exe->SerializeExecutable());
  auto* serialized = new PJRT_SerializedExecutable{std::move(bytes)};
  args->serialized_executable = serialized;
  args->serialized_bytes = serialized->bytes.data();
  args->serialized_bytes_size = serialized->bytes.size();
  args->serialized_executable_deleter = [](PJRT_SerializedExecutable* s) { delete s; };
  return absl::OkStatus();
}

FN(PJRT_Executable_DeserializeAndLoad) {
  ASSIGN_OR_RETURN(auto* client, Get(args->client));
  RETURN_IF_ERROR(NotNull(args->serialized_executable, "serialized_executable"));
  // XLA's CPU client wants the options again.
  RETURN_IF_ERROR(NotNull(args->overridden_serialized_compile_options,
                          "overridden_serialized_compile_options"));
  const absl::string_view bytes(args->serialized_executable, args->serialized_executable_size);
  ASSIGN_OR_RETURN(xla::CompileOptions options,
                   ParseCompileOptions(args->overridden_serialized_compile_options,
                                       args->overridden_serialized_compile_options_size));
  RETURN_IF_ERROR(CheckDeviceAssignment(*client, options.executable_build_options));
  ASSIGN_OR_RETURN(auto exe, client->LoadSerializedExecutable(bytes, std::move(options),
                                                              xla::LoadOptions()));
  ASSIGN_OR_RETURN(args->loaded_executable, NewLoadedExecutable(args->client, std::move(exe)));
  return absl::OkStatus();
}

}  // namespace
