// Convolutions of float32 by oneDNN instead of XLA's Eigen.
//
// Two functions of XLA's that its library looks up by name are defined here a second time: the dynamic linker searches
// the plugin before the libraries it brings along, so that these are the ones that run. A test tells whether they do.
//
// Read in this order: sizes.h which convolution it is, plan.h oneDNN's side, job.h the work, and the two below.
// This is a translation unit of its own because it needs headers of XLA's that the rest of the plugin has stubs for.

#define EIGEN_USE_THREADS

#include <dlfcn.h>

#pragma GCC visibility push(default)  // what is interposed must be visible
#include "xla/backends/cpu/runtime/convolution_thunk.h"
#include "xla/service/cpu/ir_emission_utils.h"
#pragma GCC visibility pop

#include "job.h"
#include "unsupported/Eigen/CXX11/Tensor"
#include "xla/backends/cpu/runtime/buffer_allocations.h"
#include "xla/hlo/ir/hlo_instruction.h"
#include "xla/service/computation_placer.h"

namespace xla::cpu {
namespace {

// For comparisons: MOCOTPU_CPU_CONVOLUTIONS=xla leaves everything to XLA.
bool LeftToXla() {
  static const bool left = [] {
    const char* wish = std::getenv("MOCOTPU_CPU_CONVOLUTIONS");
    return wish != nullptr && absl::string_view(wish) == "xla";
  }();
  return left;
}

// Orders of axes that XLA would transpose operands for, which takes longer than the convolution, and oneDNN takes as
// they are. Both are gradients as autodiff writes them.
enum class Order {
  kXlas,            // b01f_01io->b01f, or what XLA makes into it
  kSwappedKernel,   // b01f_01oi->b01f: input gradients
  kKernelGradient,  // f01b_i01o->01bf: the operands are images and results of the forward pass
};

Order OrderOf(const ConvolutionDimensionNumbers& d) {
  if (d.input_spatial_dimensions_size() != 2) return Order::kXlas;
  const std::array<int64_t, 4> input = {d.input_batch_dimension(), d.input_spatial_dimensions(0),
                                        d.input_spatial_dimensions(1), d.input_feature_dimension()};
  const std::array<int64_t, 4> kernel = {d.kernel_input_feature_dimension(), d.kernel_spatial_dimensions(0),
                                         d.kernel_spatial_dimensions(1), d.kernel_output_feature_dimension()};
  const std::array<int64_t, 4> output = {d.output_batch_dimension(), d.output_spatial_dimensions(0),
                                         d.output_spatial_dimensions(1), d.output_feature_dimension()};
  using Axes = std::array<int64_t, 4>;
  if (input == Axes{0, 1, 2, 3} && kernel == Axes{3, 0, 1, 2} && output == Axes{0, 1, 2, 3}) {
    return Order::kSwappedKernel;
  }
  if (input == Axes{3, 1, 2, 0} && kernel == Axes{0, 1, 2, 3} && output == Axes{2, 0, 1, 3}) {
    return Order::kKernelGradient;
  }
  return Order::kXlas;
}

// Whether oneDNN computes a convolution that XLA would transpose operands for; what it says while compiling holds when
// it is executed.
bool TakesUntransposed(const HloInstruction& c) {
  const auto is_f32 = [](const Shape& s) { return s.element_type() == F32; };
  const Order order = OrderOf(c.convolution_dimension_numbers());
  if (LeftToXla() || order == Order::kXlas || c.batch_group_count() != 1 || !is_f32(c.shape()) ||
      !is_f32(c.operand(0)->shape()) || !is_f32(c.operand(1)->shape())) {
    return false;
  }
  ConvolutionSlices shapes;
  shapes.input_shape = c.operand(0)->shape();
  shapes.kernel_shape = c.operand(1)->shape();
  shapes.output_shape = c.shape();
  const auto dims =
      GetConvolutionCanonicalDims(shapes, c.convolution_dimension_numbers(), c.window(), c.feature_group_count());
  if (!dims.ok()) return false;
  const auto sizes = SizesOf(*dims, order == Order::kKernelGradient);
  return sizes.has_value() && FindPlan(*sizes) != nullptr;
}

// How many threads a device's convolution may keep busy: the devices of a program run side by side.
int64_t ThreadsOf(const Thunk::ExecuteParams& params) {
  if (params.intra_op_threadpool == nullptr) return 1;
  int64_t devices = 1;
  if (params.collective_params != nullptr && params.collective_params->device_assignment != nullptr) {
    const DeviceAssignment& all = *params.collective_params->device_assignment;
    devices = int64_t{all.replica_count()} * all.computation_count();
  }
  return std::max<int64_t>(1, params.intra_op_threadpool->numThreads() / devices);
}

}  // namespace

// Interposed: XLA asks it which convolutions are fit for a ConvolutionThunk as they are, and transposes the others.
bool PotentiallyImplementedAsEigenConvolution(const HloInstruction& convolution, const TargetMachineFeatures& features) {
  using Function = bool (*)(const HloInstruction&, const TargetMachineFeatures&);
  static const auto xlas = reinterpret_cast<Function>(
      dlsym(dlopen("libtensorflow_cc.so.2", RTLD_NOLOAD | RTLD_LAZY),
            "_ZN3xla3cpu40PotentiallyImplementedAsEigenConvolutionERKNS_14HloInstructionERKNS0_21TargetMachineFeaturesE"));
  return TakesUntransposed(convolution) || xlas(convolution, features);
}

// Interposed: executes a convolution.
tsl::AsyncValueRef<Thunk::ExecuteEvent> ConvolutionThunk::Execute(const ExecuteParams& params) {
  const ConvolutionSlices& slices = convolution_slices_;
  const auto address = [&](const BufferAllocation::Slice& s) { return params.buffer_allocations->GetDeviceAddress(s); };
  const auto input = address(slices.input_buffer), kernel = address(slices.kernel_buffer),
             output = address(slices.output_buffer);
  for (const auto* a : {&input, &kernel, &output}) {
    if (!a->ok()) return a->status();
  }
  const Order order = OrderOf(dnums_);
  std::optional<Sizes> sizes;
  if (slices.input_shape.element_type() == F32 && !LeftToXla()) {
    sizes = SizesOf(convolution_canonical_dims_, order == Order::kKernelGradient);
  }
  if (!sizes.has_value() || FindPlan(*sizes) == nullptr) {
    // XLA's own code knows only its own order of axes; the others were promised to oneDNN.
    if (order != Order::kXlas) return absl::InternalError(absl::StrCat(info().op_name, ": oneDNN no longer computes it"));
    return convolution_canonical_dims_.convolution_rank() < 3
               ? HandleEigen2DConvolution(params, *input, *kernel, *output)
               : HandleEigen3DConvolution(params, *input, *kernel, *output);
  }

  std::shared_ptr<Job> job;
  const Eigen::ThreadPoolDevice* threads = params.intra_op_threadpool;
  try {
    job = std::make_shared<Job>(*sizes, order == Order::kSwappedKernel, static_cast<const float*>(input->opaque()),
                                static_cast<const float*>(kernel->opaque()), static_cast<float*>(output->opaque()),
                                ThreadsOf(params));
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat(info().op_name, ": oneDNN's convolution: ", e.what()));
  }
  auto done = tsl::MakeConstructedAsyncValueRef<ExecuteEvent>();
  const auto piece = [job, done](int64_t i) {
    if (!job->Do(i)) return;
    if (absl::Status status = job->status(); !status.ok()) {
      done.SetError(std::move(status));
    } else {
      done.SetStateConcrete();
    }
  };
  for (int64_t i = 1; i < job->pieces(); ++i) threads->enqueueNoNotification([piece, i] { piece(i); });
  piece(0);
  return done;
}

}  // namespace xla::cpu
