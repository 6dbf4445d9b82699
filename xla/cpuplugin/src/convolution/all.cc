// Convolutions by oneDNN instead of XLA's Eigen, of float32 and, where the processor has instructions for it, bfloat16.
//
// Functions of XLA's that its library looks up by name are defined here a second time: the dynamic linker searches the
// plugin before the libraries it brings along, so that these are the ones that run. A test tells whether they do.
//
// Read in this order: sizes.h which convolution it is, plan.h oneDNN's side, gradient.h what is not left to it, job.h the
// work, and the functions below.
// This is a translation unit of its own so that it is compiled beside the rest.

#define EIGEN_USE_THREADS

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

#include "absl/status/statusor.h"  // a stub: it must not be visible

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

// For comparisons: MOCOTPU_CPU_CONVOLUTIONS=xla leaves everything to XLA; gradient.h knows another value.
bool LeftToXla() {
  static const bool left = [] {
    const char* wish = std::getenv("MOCOTPU_CPU_CONVOLUTIONS");
    return wish != nullptr && absl::string_view(wish) == "xla";
  }();
  return left;
}

// Orders of axes that oneDNN takes as they are. For all but its own XLA would transpose operands, which takes longer than
// the convolution.
enum class Order {
  kOther,
  kXlas,            // b01f_01io->b01f
  kSwappedKernel,   // b01f_01oi->b01f: input gradients as autodiff writes them
  kKernelGradient,  // f01b_i01o->01bf: the same of kernels, whose operands are images and results of the forward pass
};

Order OrderOf(const ConvolutionDimensionNumbers& d) {
  if (d.input_spatial_dimensions_size() != 2) return Order::kOther;
  const std::array<int64_t, 4> input = {d.input_batch_dimension(), d.input_spatial_dimensions(0),
                                        d.input_spatial_dimensions(1), d.input_feature_dimension()};
  const std::array<int64_t, 4> kernel = {d.kernel_input_feature_dimension(), d.kernel_spatial_dimensions(0),
                                         d.kernel_spatial_dimensions(1), d.kernel_output_feature_dimension()};
  const std::array<int64_t, 4> output = {d.output_batch_dimension(), d.output_spatial_dimensions(0),
                                         d.output_spatial_dimensions(1), d.output_feature_dimension()};
  using Axes = std::array<int64_t, 4>;
  if (input == Axes{0, 1, 2, 3} && output == Axes{0, 1, 2, 3}) {
    if (kernel == Axes{2, 0, 1, 3}) return Order::kXlas;
    if (kernel == Axes{3, 0, 1, 2}) return Order::kSwappedKernel;
  }
  if (input == Axes{3, 1, 2, 0} && kernel == Axes{0, 1, 2, 3} && output == Axes{2, 0, 1, 3}) {
    return Order::kKernelGradient;
  }
  return Order::kOther;
}

std::optional<Type> TypeOf(PrimitiveType input, PrimitiveType kernel, PrimitiveType output) {
  if (input != kernel || input != output || LeftToXla()) return std::nullopt;
  if (input == F32) return Type::kF32;
  if (input == BF16) return Type::kBf16;
  return std::nullopt;
}

// Whether oneDNN computes a convolution as it stands; what it says while compiling holds when it is executed.
bool Takes(const HloInstruction& c) {
  if (c.opcode() != HloOpcode::kConvolution || c.batch_group_count() != 1) return false;
  const auto type =
      TypeOf(c.operand(0)->shape().element_type(), c.operand(1)->shape().element_type(), c.shape().element_type());
  const Order order = OrderOf(c.convolution_dimension_numbers());
  if (!type.has_value() || order == Order::kOther) return false;
  for (const WindowDimension& w : c.window().dimensions()) {
    if (w.window_reversal()) return false;
  }
  ConvolutionSlices shapes;
  shapes.input_shape = c.operand(0)->shape();
  shapes.kernel_shape = c.operand(1)->shape();
  shapes.output_shape = c.shape();
  const auto dims =
      GetConvolutionCanonicalDims(shapes, c.convolution_dimension_numbers(), c.window(), c.feature_group_count());
  if (!dims.ok()) return false;
  const auto sizes = SizesOf(*dims, *type, order == Order::kKernelGradient);
  return sizes.has_value() && FindPlan(*sizes) != nullptr;
}

bool TakesBf16(const HloInstruction& c) { return c.shape().element_type() == BF16 && Takes(c); }

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

// XLA's own function of this name. It exists: a test of every build calls all of them. Without it there is nothing that
// could be done in its place.
template <typename Function>
Function Xlas(const char* name) {
  void* library = dlopen("libtensorflow_cc.so.2", RTLD_NOLOAD | RTLD_LAZY);
  void* found = library == nullptr ? nullptr : dlsym(library, name);
  if (found == nullptr) {
    std::fprintf(stderr, "mocotpu's CPU plugin: libtensorflow_cc.so.2 has no %s: install it again with `mocotpu setup cpu`\n", name);
    std::_Exit(70);
  }
  return reinterpret_cast<Function>(found);
}

#define DIMS \
  "_ZN3xla3cpu27GetConvolutionCanonicalDimsERKNS0_17ConvolutionSlicesERKNS_27ConvolutionDimensionNumbersERKNS_6WindowEl"

// The names as the compiler has them; the classes they are methods of are not needed otherwise.
#define FIT "_ZN3xla3cpu40PotentiallyImplementedAsEigenConvolutionERKNS_14HloInstructionERKNS0_21TargetMachineFeaturesE"
#define PROMOTE \
  "_ZN3xla26AlgebraicSimplifierVisitor44PromoteConvolutionToF32IfNotOnednnCompatibleEPPNS_14HloInstructionE"
#define TYPES \
  "_ZN3xla3cpu12ThunkEmitter28ElementTypesSameAndSupportedERKNS_14HloInstructionEN4absl12lts_202508144SpanIKPS3_EENS7_IK" \
  "NS_13PrimitiveTypeEEE"
#define TO_DOT "_ZN3xla26AlgebraicSimplifierVisitor17SimplifyConvToDotEPNS_14HloInstructionE"
#define TO_MULTIPLY "_ZN3xla26AlgebraicSimplifierVisitor22SimplifyConvToMultiplyEPNS_14HloInstructionE"
#define SWAP "_ZN3xla26AlgebraicSimplifierVisitor16SwapConvOperandsEPNS_14HloInstructionE"
#define SKIP "_ZNK3xla3cpu15CpuFloatSupport21ShouldSkipInstructionERKNS_14HloInstructionE"

}  // namespace

#pragma GCC visibility push(default)
absl::StatusOr<bool> PromoteConvolution(void* simplifier, HloInstruction** convolution) asm(PROMOTE);
absl::StatusOr<bool> SimplifyToDot(void* simplifier, HloInstruction* convolution) asm(TO_DOT);
absl::StatusOr<bool> SimplifyToMultiply(void* simplifier, HloInstruction* convolution) asm(TO_MULTIPLY);
absl::StatusOr<bool> SwapOperands(void* simplifier, HloInstruction* convolution) asm(SWAP);
bool SkipsConversion(const void* support, const HloInstruction& instruction) asm(SKIP);
absl::Status CheckTypes(void* emitter, const HloInstruction& instruction, absl::Span<const HloInstruction* const> operands,
                        absl::Span<const PrimitiveType> supported) asm(TYPES);
#pragma GCC visibility pop

// Interposed: XLA asks it which convolutions are fit for a ConvolutionThunk as they are, and transposes the others.
bool PotentiallyImplementedAsEigenConvolution(const HloInstruction& convolution, const TargetMachineFeatures& features) {
  static const auto xlas = Xlas<decltype(&PotentiallyImplementedAsEigenConvolution)>(FIT);
  return Takes(convolution) || xlas(convolution, features);
}

// Interposed: describes a convolution, one of bfloat16 like one of float32, for which alone XLA would do so.
absl::StatusOr<ConvolutionCanonicalDims> GetConvolutionCanonicalDims(const ConvolutionSlices& slices,
                                                                     const ConvolutionDimensionNumbers& dimensions,
                                                                     const Window& window, int64_t groups) {
  static const auto xlas = Xlas<decltype(&GetConvolutionCanonicalDims)>(DIMS);
  if (slices.input_shape.element_type() != BF16) return xlas(slices, dimensions, window, groups);
  ConvolutionSlices as_f32 = slices;
  for (Shape* s : {&as_f32.input_shape, &as_f32.kernel_shape, &as_f32.output_shape}) s->set_element_type(F32);
  return xlas(as_f32, dimensions, window, groups);
}

// Interposed: makes a convolution of bfloat16 one of float32 between conversions.
absl::StatusOr<bool> PromoteConvolution(void* simplifier, HloInstruction** convolution) {
  static const auto xlas = Xlas<decltype(&PromoteConvolution)>(PROMOTE);
  if (TakesBf16(**convolution)) return false;
  return xlas(simplifier, convolution);
}

// Interposed, all three: make something else of a convolution, after which the type may be one that XLA has no code for.
absl::StatusOr<bool> SimplifyToDot(void* simplifier, HloInstruction* convolution) {
  static const auto xlas = Xlas<decltype(&SimplifyToDot)>(TO_DOT);
  if (Takes(*convolution)) return false;
  return xlas(simplifier, convolution);
}

absl::StatusOr<bool> SimplifyToMultiply(void* simplifier, HloInstruction* convolution) {
  static const auto xlas = Xlas<decltype(&SimplifyToMultiply)>(TO_MULTIPLY);
  if (Takes(*convolution)) return false;
  return xlas(simplifier, convolution);
}

absl::StatusOr<bool> SwapOperands(void* simplifier, HloInstruction* convolution) {
  static const auto xlas = Xlas<decltype(&SwapOperands)>(SWAP);
  if (Takes(*convolution)) return false;
  return xlas(simplifier, convolution);
}

// Interposed: tells what may compute in bfloat16; the rest is done in float32 between conversions.
bool SkipsConversion(const void* support, const HloInstruction& instruction) {
  static const auto xlas = Xlas<decltype(&SkipsConversion)>(SKIP);
  return TakesBf16(instruction) || xlas(support, instruction);
}

// Interposed: refuses operands of types that a thunk does not know.
absl::Status CheckTypes(void* emitter, const HloInstruction& instruction, absl::Span<const HloInstruction* const> operands,
                        absl::Span<const PrimitiveType> supported) {
  static const auto xlas = Xlas<decltype(&CheckTypes)>(TYPES);
  if (TakesBf16(instruction)) return absl::OkStatus();
  return xlas(emitter, instruction, operands, supported);
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
  const auto type = TypeOf(slices.input_shape.element_type(), slices.kernel_shape.element_type(),
                           slices.output_shape.element_type());
  std::optional<Sizes> sizes;
  if (type.has_value() && order != Order::kOther) {
    sizes = SizesOf(convolution_canonical_dims_, *type, order == Order::kKernelGradient);
  }
  if (!sizes.has_value() || FindPlan(*sizes) == nullptr) {
    // XLA's own code knows only its own order of axes and not bfloat16; the others were promised to oneDNN.
    if (order == Order::kSwappedKernel || order == Order::kKernelGradient || type == Type::kBf16) {
      return absl::InternalError(absl::StrCat(info().op_name, ": oneDNN no longer computes it"));
    }
    return convolution_canonical_dims_.convolution_rank() < 3
               ? HandleEigen2DConvolution(params, *input, *kernel, *output)
               : HandleEigen3DConvolution(params, *input, *kernel, *output);
  }

  std::shared_ptr<Job> job;
  const Eigen::ThreadPoolDevice* threads = params.intra_op_threadpool;
  try {
    job = std::make_shared<Job>(*sizes, order == Order::kSwappedKernel, input->opaque(), kernel->opaque(), output->opaque(),
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
