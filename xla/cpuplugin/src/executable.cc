// What a compiled program tells about itself.

#include "handles.h"

namespace {

FN(PJRT_Executable_Destroy) {
  delete args->executable;
  return absl::OkStatus();
}

// The blocks kept for its temporaries are of sizes that the next program has no use for.
FN(PJRT_LoadedExecutable_Destroy) {
  delete args->executable;
  mocotpu::ReleaseIdleMemory();
  mocotpu::ReleaseConvolutionMemory();
  return absl::OkStatus();
}

FN(PJRT_LoadedExecutable_GetExecutable) {
  RETURN_IF_ERROR(Get(args->loaded_executable).status());
  args->executable = new PJRT_Executable{args->loaded_executable->program};
  return absl::OkStatus();
}

FN(PJRT_Executable_Name) {
  RETURN_IF_ERROR(NotNull(args->executable, "executable"));
  args->executable_name = args->executable->program->name.data();
  args->executable_name_size = args->executable->program->name.size();
  return absl::OkStatus();
}

FN(PJRT_Executable_NumOutputs) {
  RETURN_IF_ERROR(NotNull(args->executable, "executable"));
  args->num_outputs = args->executable->program->outputs.size();
  return absl::OkStatus();
}

FN(PJRT_Executable_OutputElementTypes) {
  RETURN_IF_ERROR(NotNull(args->executable, "executable"));
  Program& p = *args->executable->program;
  args->output_types = p.output_types.data();
  args->num_output_types = p.output_types.size();
  return absl::OkStatus();
}

FN(PJRT_Executable_OutputDimensions) {
  RETURN_IF_ERROR(NotNull(args->executable, "executable"));
  Program& p = *args->executable->program;
  args->num_outputs = p.outputs.size();
  args->dims = p.output_dims.data();
  args->dim_sizes = p.output_ranks.data();
  return absl::OkStatus();
}

FN(PJRT_Executable_SizeOfGeneratedCodeInBytes) {
  ASSIGN_OR_RETURN(auto exe, Get(args->executable));
  args->size_in_bytes = exe->SizeOfGeneratedCodeInBytes();
  return absl::OkStatus();
}

FN(PJRT_Executable_GetCostAnalysis) {
  ASSIGN_OR_RETURN(auto exe, Get(args->executable));
  Program& p = *args->executable->program;
  std::lock_guard<std::mutex> lock(p.mu);
  if (p.cost == nullptr) {
    ASSIGN_OR_RETURN(auto cost, exe->GetCostAnalysis());
    p.cost = std::make_unique<NamedValues>();
    for (const auto& [name, value] : cost) p.cost->Add(name, value);
  }
  args->properties = p.cost->values.data();
  args->num_properties = p.cost->values.size();
  return absl::OkStatus();
}

FN_TO(PJRT_Executable_GetCompiledMemoryStats, host_temp_size_in_bytes) {
  ASSIGN_OR_RETURN(auto exe, Get(args->executable));
  ASSIGN_OR_RETURN(xla::CompiledMemoryStats s, exe->GetCompiledMemoryStats());
  args->generated_code_size_in_bytes = s.generated_code_size_in_bytes;
  args->argument_size_in_bytes = s.argument_size_in_bytes;
  args->output_size_in_bytes = s.output_size_in_bytes;
  args->alias_size_in_bytes = s.alias_size_in_bytes;
  args->temp_size_in_bytes = s.temp_size_in_bytes;
  args->host_generated_code_size_in_bytes = s.host_generated_code_size_in_bytes;
  args->host_argument_size_in_bytes = s.host_argument_size_in_bytes;
  args->host_output_size_in_bytes = s.host_output_size_in_bytes;
  args->host_alias_size_in_bytes = s.host_alias_size_in_bytes;
  args->host_temp_size_in_bytes = s.host_temp_size_in_bytes;
  if (HAS(args, peak_memory_in_bytes)) args->peak_memory_in_bytes = s.peak_memory_in_bytes;
  if (HAS(args, total_size_in_bytes)) args->total_size_in_bytes = s.total_size_in_bytes;
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<xla::HloModule>> OnlyModule(const xla::PjRtLoadedExecutable& exe) {
  ASSIGN_OR_RETURN(auto modules, exe.GetHloModules());
  if (modules.size() != 1 || modules[0] == nullptr) {
    return absl::UnimplementedError("the executable does not have exactly one program");
  }
  return modules[0];
}

// Called twice, as the C API says: first for the size, then with memory of that size.
FN(PJRT_Executable_OptimizedProgram) {
  ASSIGN_OR_RETURN(auto exe, Get(args->executable));
  RETURN_IF_ERROR(NotNull(args->program, "program"));
  Program& p = *args->executable->program;
  std::lock_guard<std::mutex> lock(p.mu);
  if (!p.optimized.has_value()) {
    ASSIGN_OR_RETURN(auto module, OnlyModule(*exe));
    xla::HloModuleProtoWithConfig proto;
    module->ToProtoWithConfig(&proto);
    p.optimized = proto.SerializeAsString();
  }
  static constexpr absl::string_view kFormat = "hlo_with_config";
  args->program->format = kFormat.data();
  args->program->format_size = kFormat.size();
  if (args->program->code != nullptr) {
    if (args->program->code_size < p.optimized->size()) {
      return absl::InvalidArgumentError(
          absl::StrFormat("program.code_size is %d, want %d for the optimized program",
                          args->program->code_size, p.optimized->size()));
    }
    std::memcpy(args->program->code, p.optimized->data(), p.optimized->size());
  }
  args->program->code_size = p.optimized->size();
  return absl::OkStatus();
}

// XLA's CPU client has no fingerprint of an executable: this is the optimized module's.
FN(PJRT_Executable_Fingerprint) {
  ASSIGN_OR_RETURN(auto exe, Get(args->executable));
  Program& p = *args->executable->program;
  std::lock_guard<std::mutex> lock(p.mu);
  if (!p.fingerprint.has_value()) {
    ASSIGN_OR_RETURN(auto module, OnlyModule(*exe));
    p.fingerprint = module->GetFingerprint128();
  }
  args->executable_fingerprint = p.fingerprint->data();
  args->executable_fingerprint_size = p.fingerprint->size();
  return absl::OkStatus();
}

}  // namespace
