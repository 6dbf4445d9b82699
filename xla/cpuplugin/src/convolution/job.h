// One convolution at work: pieces of the batch, on XLA's threads.
#pragma once

#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "floats.h"
#include "gradient.h"
#include "plan.h"

namespace {

// More pieces of a kernel gradient would spend more time on adding them up than on computing them.
constexpr int64_t kMostGradients = 8;

class Job {
 public:
  // input, kernel and output are XLA's operands and result, which stay alive until the last piece is done; the
  // kernel's last axes are [in, out] of XLA's convolution, or swapped. Throws what oneDNN throws.
  Job(const Sizes& sizes, bool swapped, const void* input, const void* kernel, void* output, int64_t threads)
      : sizes_(sizes),
        input_(static_cast<const char*>(input)),
        kernel_(static_cast<const char*>(kernel)),
        output_(static_cast<char*>(output)) {
    UseThisThreadOnly();
    const int64_t most = sizes.pass == Pass::kKernelGradient ? std::min(threads, kMostGradients) : threads;
    pieces_ = left_ = std::max<int64_t>(1, std::min(most, sizes.n));
    for (int64_t i = 0; i < pieces_; ++i) {
      Sizes piece = sizes;
      piece.n = End(i) - End(i - 1);
      if (IsTiled(sizes)) {
        gradients_.push_back(Allocate(TiledGradient::Elements(sizes) * sizeof(float)));
        continue;
      }
      const auto plan = FindPlan(piece);
      if (plan == nullptr) throw dnnl::error(dnnl_unimplemented, "no program for a piece of the batch");
      plans_.push_back(plan);
    }
    if (IsTiled(sizes)) return;
    if (sizes.pass == Pass::kKernelGradient) {
      for (const auto& plan : plans_) gradients_.push_back(Allocate(plan->kernel.get_size()));
    } else {
      reordered_ = Allocate(plans_[0]->kernel.get_size());
      ReorderKernel(swapped);
    }
  }

  int64_t pieces() const { return pieces_; }

  // Does a piece, on any thread. Returns whether it was the last of all, which has finished the job.
  bool Do(int64_t piece) {
    try {
      UseThisThreadOnly();
      Run(piece);
    } catch (const std::exception& e) {
      Fail(e);
    }
    if (--left_ > 0) return false;
    try {
      if (sizes_.pass == Pass::kKernelGradient && status().ok()) AddUp();
    } catch (const std::exception& e) {
      Fail(e);
    }
    return true;
  }

  // What went wrong first; to be asked when the job is finished.
  absl::Status status() {
    std::lock_guard<std::mutex> lock(mu_);
    return status_;
  }

 private:
  int64_t End(int64_t piece) const { return sizes_.n * (piece + 1) / pieces_; }

  void ReorderKernel(bool swapped) {
    const Sizes& s = sizes_;
    const memory::dims dims{s.out, s.in, s.kernel[0], s.kernel[1]};
    const memory to = At(plans_[0]->kernel, reordered_.get());
    // The in and out of an input gradient are those of the forward pass, the other way round.
    const bool in_out = (s.pass == Pass::kForward) != swapped;
    const auto tag = in_out ? memory::format_tag::hwio : memory::format_tag::hwoi;
    const memory::desc from(dims, TypeOf(s), tag);
    if (s.pass == Pass::kForward) {
      Copy(At(from, kernel_), to);
      return;
    }
    const int64_t plane = s.in * s.out * s.ElementBytes();  // XLA convolves with the kernel turned around
    const Floats turned = Allocate(s.Taps() * plane);
    for (int64_t tap = 0; tap < s.Taps(); ++tap) {
      std::memcpy(reinterpret_cast<char*>(turned.get()) + tap * plane, kernel_ + (s.Taps() - 1 - tap) * plane, plane);
    }
    Copy(At(from, turned.get()), to);
  }

  void Run(int64_t i) {
    if (IsTiled(sizes_)) {
      RunTiled(i);
      return;
    }
    const Plan& plan = *plans_[i];
    const int64_t images = End(i - 1) * sizes_.ImageBytes(), results = End(i - 1) * sizes_.ResultBytes();
    const Floats scratch = Allocate(plan.scratch.get_size());
    std::unordered_map<int, memory> arguments = {{DNNL_ARG_SCRATCHPAD, At(plan.scratch, scratch.get())}};
    switch (sizes_.pass) {
      case Pass::kForward:
        arguments[DNNL_ARG_SRC] = At(plan.image, input_ + images);
        arguments[DNNL_ARG_WEIGHTS] = At(plan.kernel, reordered_.get());
        arguments[DNNL_ARG_DST] = At(plan.result, output_ + results);
        break;
      case Pass::kInputGradient:
        arguments[DNNL_ARG_DIFF_DST] = At(plan.result, input_ + results);
        arguments[DNNL_ARG_WEIGHTS] = At(plan.kernel, reordered_.get());
        arguments[DNNL_ARG_DIFF_SRC] = At(plan.image, output_ + images);
        break;
      case Pass::kKernelGradient:
        arguments[DNNL_ARG_SRC] = At(plan.image, input_ + images);
        arguments[DNNL_ARG_DIFF_DST] = At(plan.result, kernel_ + results);
        arguments[DNNL_ARG_DIFF_WEIGHTS] = At(plan.kernel, gradients_[i].get());
        break;
    }
    dnnl::stream stream(Engine());
    plan.run.execute(stream, arguments);
    stream.wait();
  }

  void RunTiled(int64_t i) {
    Sizes piece = sizes_;
    piece.n = End(i) - End(i - 1);
    const char* images = input_ + End(i - 1) * sizes_.ImageBytes();
    const char* results = kernel_ + End(i - 1) * sizes_.ResultBytes();
    TiledGradient(piece, reinterpret_cast<const float*>(images), reinterpret_cast<const float*>(results)).Run(gradients_[i].get());
  }

  // Adds in the order of the pieces, whichever ended first: the same numbers every time.
  void AddUp() {
    if (IsTiled(sizes_)) {
      std::vector<const float*> pieces;
      for (const auto& g : gradients_) pieces.push_back(g.get());
      TiledGradient::AddUp(sizes_, pieces, reinterpret_cast<float*>(output_));
      return;
    }
    const memory::desc& blocked = plans_[0]->kernel;
    float* sum = gradients_[0].get();
    const size_t elements = blocked.get_size() / sizeof(float);
    for (int64_t i = 1; i < pieces_; ++i) {
      const float* more = gradients_[i].get();
      for (size_t e = 0; e < elements; ++e) sum[e] += more[e];
    }
    const memory::desc hwio(blocked.get_dims(), TypeOf(sizes_), memory::format_tag::hwio);
    Copy(At(blocked, sum), At(hwio, output_));
  }

  void Fail(const std::exception& e) {
    std::lock_guard<std::mutex> lock(mu_);
    if (status_.ok()) status_ = absl::InternalError(absl::StrCat("oneDNN's convolution: ", e.what()));
  }

  const Sizes sizes_;
  const char* const input_;
  const char* const kernel_;
  char* const output_;
  int64_t pieces_;
  std::atomic<int64_t> left_;
  std::vector<std::shared_ptr<const Plan>> plans_;  // of each piece
  Floats reordered_;                // the kernel as oneDNN wants it
  std::vector<Floats> gradients_;   // of each piece, the same
  std::mutex mu_;
  absl::Status status_;
};

}  // namespace
