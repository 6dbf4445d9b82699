// oneDNN's programs for the passes of convolutions.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include "oneapi/dnnl/dnnl.hpp"
#include "sizes.h"

extern "C" void omp_set_num_threads(int);

namespace {

using dnnl::memory;

dnnl::engine& Engine() {
  static auto* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

// XLA's threads share the work; oneDNN's own, OpenMP's, stay out of it. The number is a thread's own.
void UseThisThreadOnly() {
  thread_local const bool once = (omp_set_num_threads(1), true);
  (void)once;
}

memory::data_type TypeOf(const Sizes& s) {
  return s.type == Type::kF32 ? memory::data_type::f32 : memory::data_type::bf16;
}

// Whether the processor multiplies this type: oneDNN computes bfloat16 on others, too, slower than float32.
bool IsFast(Type type) {
  if (type == Type::kF32) return true;
  const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
  return isa == dnnl::cpu_isa::avx512_core_bf16 || isa == dnnl::cpu_isa::avx512_core_fp16 ||
         isa == dnnl::cpu_isa::avx512_core_amx || isa == dnnl::cpu_isa::avx512_core_amx_fp16;
}

// What a pass of oneDNN is run with. Images and results lie as XLA has them, the kernel as oneDNN likes it best.
struct Plan {
  dnnl::primitive run;
  memory::desc image, kernel, result, scratch;
};

template <typename Description>
std::unique_ptr<Plan> PlanOf(const Description& d, memory::desc kernel) {
  auto plan = std::make_unique<Plan>();
  plan->run = dnnl::primitive(d.get());
  plan->kernel = std::move(kernel);
  plan->scratch = d.scratchpad_desc();
  return plan;
}

// oneDNN 3.2's gradient of 1x1 kernels for AVX2 first copies the pixels that a stride leaves, in whole registers of 8 channels, to
// room for the channels alone: where they do not fill registers it writes over what lies behind.
bool WritesPastItsEnd(const Sizes& s, const char* implementation) {
  return s.stride != Pair{1, 1} && s.in % 8 != 0 && std::strcmp(implementation, "jit_1x1:avx2") == 0;
}

std::unique_ptr<Plan> MakePlan(const Sizes& s) {
  UseThisThreadOnly();
  const auto type = TypeOf(s);
  const auto direct = dnnl::algorithm::convolution_direct;
  const memory::desc image({s.n, s.in, s.image[0], s.image[1]}, type, memory::format_tag::nhwc);
  const memory::desc result({s.n, s.out, s.result[0], s.result[1]}, type, memory::format_tag::nhwc);
  const memory::dims kernel{s.out, s.in, s.kernel[0], s.kernel[1]};
  const memory::desc any(kernel, type, memory::format_tag::any);
  const memory::dims strides{s.stride[0], s.stride[1]}, dilations{s.dilation[0] - 1, s.dilation[1] - 1};
  const memory::dims before{s.before[0], s.before[1]}, after{s.after[0], s.after[1]};
  dnnl::primitive_attr own_scratch;  // oneDNN's would be one for all threads
  own_scratch.set_scratchpad_mode(dnnl::scratchpad_mode::user);

  const dnnl::convolution_forward::primitive_desc forward(Engine(), dnnl::prop_kind::forward_training, direct, image, any,
                                                          result, strides, dilations, before, after, own_scratch);
  std::unique_ptr<Plan> plan;
  switch (s.pass) {
    case Pass::kForward:
      plan = PlanOf(forward, forward.weights_desc());
      break;
    case Pass::kInputGradient: {
      const dnnl::convolution_backward_data::primitive_desc d(Engine(), direct, image, any, result, strides, dilations,
                                                              before, after, forward, own_scratch);
      plan = PlanOf(d, d.weights_desc());
      break;
    }
    case Pass::kKernelGradient: {
      // In float32 even where it is bfloat16 in the end: the pieces of a batch are added up.
      const memory::desc exact(kernel, memory::data_type::f32, memory::format_tag::any);
      dnnl::convolution_backward_weights::primitive_desc d(Engine(), direct, image, exact, result, strides, dilations,
                                                           before, after, forward, own_scratch);
      while (WritesPastItsEnd(s, d.impl_info_str())) {
        if (!d.next_impl()) throw dnnl::error(dnnl_unimplemented, "no other program");
      }
      plan = PlanOf(d, d.diff_weights_desc());
      break;
    }
  }
  plan->image = image;
  plan->result = result;
  return plan;
}

// How many plans are kept, each tens of kilobytes of code: a ResNet-50's step has about 150. Where there are more they are
// made anew; those at work stay.
constexpr size_t kMostPlans = 2048;

// The plan for these sizes, or null where oneDNN has none. Throws nothing: XLA asks through it, and an exception that
// crosses its frames ends the process.
std::shared_ptr<const Plan> FindPlan(const Sizes& sizes) noexcept {
  static std::mutex mu;
  try {
    static auto* plans = new std::map<Sizes, std::shared_ptr<const Plan>>;  // never freed: XLA's threads may outlive statics
    std::lock_guard<std::mutex> lock(mu);
    if (const auto at = plans->find(sizes); at != plans->end()) return at->second;
    std::shared_ptr<const Plan> plan;
    if (IsFast(sizes.type)) {
      try {
        plan = MakePlan(sizes);
      } catch (const dnnl::error&) {
        // stays null
      }
    }
    if (plans->size() >= kMostPlans) plans->clear();
    return plans->emplace(sizes, std::move(plan)).first->second;
  } catch (const std::exception&) {
    return nullptr;  // out of memory: not remembered
  }
}

memory At(const memory::desc& d, const void* data) { return memory(d, Engine(), const_cast<void*>(data)); }

void Copy(memory from, memory to) {
  dnnl::stream stream(Engine());
  dnnl::reorder(from, to).execute(stream, from, to);
  stream.wait();
}

}  // namespace
