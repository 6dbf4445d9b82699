// Memory for float32s, used again and again: fresh pages from the system cost more than what is done on them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <new>

#include "../memory.h"

namespace {

constexpr size_t kAlignment = 64;  // a cache line, and the widest register

// Blocks by size that nobody uses. As many are kept as were in use at a time, up to a thirty-second of the memory.
class Pool {
 public:
  float* Take(size_t bytes) {
    {
      std::lock_guard<std::mutex> lock(mu_);
      if (auto at = free_.find(bytes); at != free_.end()) {
        float* block = at->second;
        free_.erase(at);
        idle_bytes_ -= bytes;
        return block;
      }
    }
    void* block = std::aligned_alloc(kAlignment, bytes);
    if (block == nullptr) throw std::bad_alloc();
    return static_cast<float*>(block);
  }

  void Give(size_t bytes, float* block) {
    std::lock_guard<std::mutex> lock(mu_);
    free_.emplace(bytes, block);
    idle_bytes_ += bytes;
    while (idle_bytes_ > most_idle_) Drop(std::prev(free_.end()));  // the largest
  }

  void Clear() {
    std::lock_guard<std::mutex> lock(mu_);
    while (!free_.empty()) Drop(free_.begin());
  }

 private:
  using Free = std::multimap<size_t, float*>;

  void Drop(Free::iterator at) {
    idle_bytes_ -= at->first;
    std::free(at->second);
    free_.erase(at);
  }

  std::mutex mu_;
  Free free_;
  size_t idle_bytes_ = 0;
  const size_t most_idle_ = mocotpu::MemoryOfProcess() / 32;
};

Pool& ThePool() {
  static auto* pool = new Pool;  // never freed: XLA's threads may outlive statics
  return *pool;
}

struct GiveBack {
  size_t bytes = 0;
  void operator()(float* block) const { ThePool().Give(bytes, block); }
};
using Floats = std::unique_ptr<float[], GiveBack>;

// Uninitialized.
Floats Allocate(size_t bytes) {
  bytes = std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  return Floats(ThePool().Take(bytes), GiveBack{bytes});
}

}  // namespace

void mocotpu::ReleaseConvolutionMemory() { ThePool().Clear(); }
