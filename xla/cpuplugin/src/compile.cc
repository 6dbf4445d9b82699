// Compilation. XLA's collectives wait for one thread per participant: a program that some device cannot
// run hangs or aborts the process, so that what would do so is refused here.

#include "handles.h"

namespace {

absl::Status CheckDeviceAssignment(const xla::PjRtClient& client,
                                   const xla::ExecutableBuildOptions& options) {
  const int64_t r = options.num_replicas(), p = options.num_partitions();
  if (r < 1 || p < 1) {
    return absl::InvalidArgumentError(
        absl::StrFormat("num_replicas=%d, num_partitions=%d: both must be at least 1", r, p));
  }
  if (r * p > client.device_count()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%d replicas x %d partitions want %d devices, the client has %d", r, p,
                        r * p, client.device_count()));
  }
  if (!options.has_device_assignment()) return absl::OkStatus();
  const xla::DeviceAssignment& a = options.device_assignment();
  if (a.replica_count() != r || a.computation_count() != p) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the device assignment is for %d replicas x %d partitions, the options say %d x %d",
        a.replica_count(), a.computation_count(), r, p));
  }
  std::unordered_set<int64_t> known, seen;
  for (const xla::PjRtDevice* d : client.devices()) known.insert(d->global_device_id().value());
  for (int64_t i = 0; i < r; ++i) {
    for (int64_t j = 0; j < p; ++j) {
      const int64_t id = a(i, j);
      if (known.count(id) == 0) {
        return absl::InvalidArgumentError(
            absl::StrFormat("the device assignment names device %d, which does not exist", id));
      }
      if (!seen.insert(id).second) {
        return absl::InvalidArgumentError(
            absl::StrFormat("the device assignment names device %d more than once", id));
      }
    }
  }
  return absl::OkStatus();
}

// XLA's verifier skips a collective-permute over partitions (it has a channel) in a program of one
// partition, and one over replicas in a program of one replica; running it throws in a thread of XLA's.
absl::Status CheckCollectivePermutes(const xla::HloModuleProto& module, int64_t replicas,
                                     int64_t partitions) {
  for (const auto& computation : module.computations()) {
    for (const auto& i : computation.instructions()) {
      if (i.opcode() != "collective-permute" && i.opcode() != "collective-permute-start") continue;
      const bool over_partitions = i.channel_id() > 0;
      const int64_t limit = over_partitions ? partitions : replicas;
      for (const auto& pair : i.source_target_pairs()) {
        const int64_t s = pair.source(), t = pair.target();
        if (s >= 0 && s < limit && t >= 0 && t < limit) continue;
        return absl::InvalidArgumentError(
            absl::StrFormat("%s has the pair {%d,%d}, but the program has %d %s", i.name(), s, t,
                            limit, over_partitions ? "partition(s)" : "replica(s)"));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status FillParameters(Program& p, const xla::HloModuleProto& module) {
  const auto& parameters = module.host_program_shape().parameters();
  const bool tuple = parameters.size() == 1 && parameters[0].element_type() == xla::TUPLE;
  for (const xla::ShapeProto& proto : tuple ? parameters[0].tuple_shapes() : parameters) {
    ASSIGN_OR_RETURN(xla::Shape shape, xla::Shape::FromProto(proto));
    p.params.push_back(std::move(shape));
  }
  p.has_params = true;
  return absl::OkStatus();
}

absl::Status FillOutputs(Program& p, const xla::PjRtLoadedExecutable& exe) {
  ASSIGN_OR_RETURN(std::vector<xla::Shape> shapes, exe.GetOutputShapes());
  if (shapes.size() != 1) {
    return absl::UnimplementedError(
        absl::StrFormat("executables of %d programs are not implemented", shapes.size()));
  }
  if (shapes[0].IsTuple()) {
    for (const xla::Shape& s : shapes[0].tuple_shapes()) p.outputs.push_back(s);
  } else {
    p.outputs.push_back(shapes[0]);
  }
  for (const xla::Shape& s : p.outputs) {
    p.output_types.push_back(ToC(s.element_type()));
    p.output_ranks.push_back(s.IsArray() ? s.dimensions().size() : 0);
    if (!s.IsArray()) continue;
    p.output_dims.insert(p.output_dims.end(), s.dimensions().begin(), s.dimensions().end());
  }
  return absl::OkStatus();
}

absl::StatusOr<PJRT_LoadedExecutable*> NewLoadedExecutable(
    PJRT_Client* client, std::unique_ptr<xla::PjRtLoadedExecutable> exe) {
  auto program = std::make_shared<Program>();
  program->exe = std::move(exe);
  const xla::PjRtLoadedExecutable& e = *program->exe;
  program->name = std::string(e.name());
  for (xla::PjRtDevice* d : e.addressable_devices()) program->devices.push_back(client->Find(d));
  RETURN_IF_ERROR(FillOutputs(*program, e));
  auto modules = e.GetHloModules();
  if (modules.ok() && modules->size() == 1 && modules->front() != nullptr) {
    xla::HloModuleProto module;
    modules->front()->ToProto(&module);
    RETURN_IF_ERROR(CheckCollectivePermutes(module, e.num_replicas(), e.num_partitions()));
    RETURN_IF_ERROR(FillParameters(*program, module));
  }
  program->client = client->self;
  {
    std::lock_guard<std::mutex> lock(client->mu);
    client->live_programs.insert(program.get());
  }
  return new PJRT_LoadedExecutable{std::move(program)};
}

absl::StatusOr<xla::CompileOptions> ParseCompileOptions(const char* data, size_t size) {
  if (size == 0) return xla::CompileOptions();
  RETURN_IF_ERROR(NotNull(data, "compile_options"));
  xla::CompileOptionsProto proto;
  if (size > INT32_MAX || !proto.ParseFromArray(data, static_cast<int>(size))) {
    return absl::InvalidArgumentError("compile_options is not a CompileOptionsProto");
  }
  return xla::CompileOptions::FromProto(proto);
}

// As a module and not as an XlaComputation: that would lose Shardy's annotations.
absl::StatusOr<std::unique_ptr<xla::PjRtLoadedExecutable>> CompileMlir(
    xla::PjRtClient* client, absl::string_view code, xla::CompileOptions options) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  ASSIGN_OR_RETURN(auto module, xla::ParseMlirModuleString(code, context));
  options.allow_in_place_mlir_modification = true;
  return client->CompileAndLoad(module.get(), std::move(options));
}

absl::StatusOr<std::unique_ptr<xla::PjRtLoadedExecutable>> CompileHlo(
    xla::PjRtClient* client, absl::string_view code, xla::CompileOptions options) {
  xla::HloModuleProto proto;
  if (code.size() > INT32_MAX ||
      !proto.ParseFromArray(code.data(), static_cast<int>(code.size()))) {
    return absl::InvalidArgumentError("program.code is not an HloModuleProto");
  }
  xla::XlaComputation computation(std::move(proto));
  // XLA dereferences the program's shape without looking.
  RETURN_IF_ERROR(computation.GetProgramShape().status());
  return client->CompileAndLoad(computation, std::move(options));
}

FN(PJRT_Client_Compile) {
  ASSIGN_OR_RETURN(auto* client, Get(args->client));
  RETURN_IF_ERROR(NotNull(args->program, "program"));
  RETURN_IF_ERROR(NotNull(args->program->code, "program.code"));
  RETURN_IF_ERROR(NotNull(args->program->format, "program.format"));
  const absl::string_view code(args->program->code, args->program->code_size);
  const absl::string_view format(args->program->format, args->program->format_size);
  ASSIGN_OR_RETURN(xla::CompileOptions options,
                   ParseCompileOptions(args->compile_options, args->compile_options_size));
  RETURN_IF_ERROR(CheckDeviceAssignment(*client, options.executable_build_options));
  std::unique_ptr<xla::PjRtLoadedExecutable> exe;
  if (format == "mlir") {
    ASSIGN_OR_RETURN(exe, CompileMlir(client, code, std::move(options)));
  } else if (format == "hlo") {
    ASSIGN_OR_RETURN(exe, CompileHlo(client, code, std::move(options)));
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown program format \"", format, "\", want mlir or hlo"));
  }
  ASSIGN_OR_RETURN(args->executable, NewLoadedExecutable(args->client, std::move(exe)));
  return absl::OkStatus();
}

}  // namespace
