// Memory for float32s, used again and again: fresh pages from the system cost more than what is done on them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <new>

namespace {

constexpr size_t kAlignment = 64;  // a cache line, and the widest register

// Blocks by size that nobody uses. As many are kept as were in use at a time.
class Pool {
 public:
  float* Take(size_t bytes) {
    {
      std::lock_guard<std::mutex> lock(mu_);
      if (auto at = free_.find(bytes); at != free_.end()) {
        float* block = at->second;
        free_.erase(at);
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
  }

 private:
  std::mutex mu_;
  std::multimap<size_t, float*> free_;
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
