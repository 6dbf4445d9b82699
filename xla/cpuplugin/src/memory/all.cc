// The memory of XLA's arrays. A step's temporaries are one block of hundreds of megabytes that XLA allocates before every
// step and frees after it: the system would clear each page of it again and again, in pieces of 4 kB.
//
// Three functions of XLA's that its libraries look up by name are defined here a second time; the dynamic linker finds
// them first. Large blocks are made of huge pages where the system has them, and kept for the next one of their size.
//
// XLA says that a step is done a little before it frees that block. A next step that begins in between would make a second
// one, which the process would then keep; so whoever wants a very large block waits for one of its size, if such blocks
// have come back before.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <list>
#include <mutex>
#include <new>
#include <unordered_map>
#include <unordered_set>

#include "../memory.h"

namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kLarge = 2 * kHugePage;
constexpr size_t kVeryLarge = 32 * kHugePage;
constexpr std::chrono::milliseconds kPatience(250);  // once for each block that is needed in addition

class LargeBlocks {
 public:
  void* Take(size_t size) {
    size = (size + kHugePage - 1) / kHugePage * kHugePage;
    std::unique_lock<std::mutex> lock(mu_);
    if (void* start = TakeIdle(size)) return start;
    if (size >= kVeryLarge && come_back_.count(size) > 0) {
      void* start = nullptr;
      given_.wait_for(lock, kPatience, [&] { return (start = TakeIdle(size)) != nullptr; });
      if (start != nullptr) return start;
    }
    void* start = std::aligned_alloc(kHugePage, size);
    if (start == nullptr) {
      ReleaseDownTo(0);
      start = std::aligned_alloc(kHugePage, size);
    }
    if (start == nullptr) return nullptr;
    madvise(start, size, MADV_HUGEPAGE);  // a wish
    used_[start] = size;
    return start;
  }

  // Returns whether it was one of these.
  bool Give(void* start) {
    if (reinterpret_cast<uintptr_t>(start) % kHugePage != 0) return false;
    std::lock_guard<std::mutex> lock(mu_);
    const auto used = used_.find(start);
    if (used == used_.end()) return false;
    idle_.push_front({start, used->second});
    idle_bytes_ += used->second;
    if (used->second >= kVeryLarge) come_back_.insert(used->second);
    used_.erase(used);
    ReleaseDownTo(most_idle_);
    given_.notify_all();
    return true;
  }

  void ReleaseIdle() {
    std::lock_guard<std::mutex> lock(mu_);
    ReleaseDownTo(0);
  }

 private:
  struct Block {
    void* start;
    size_t size;
  };

  void* TakeIdle(size_t size) {
    for (auto block = idle_.begin(); block != idle_.end(); ++block) {
      if (block->size != size) continue;
      void* start = block->start;
      idle_bytes_ -= size;
      idle_.erase(block);
      used_[start] = size;
      return start;
    }
    return nullptr;
  }

  void ReleaseDownTo(size_t bytes) {
    while (idle_bytes_ > bytes) {
      std::free(idle_.back().start);
      idle_bytes_ -= idle_.back().size;
      idle_.pop_back();
    }
  }

  std::mutex mu_;
  std::condition_variable given_;
  std::unordered_set<size_t> come_back_;  // sizes of very large blocks that were given back
  std::unordered_map<void*, size_t> used_;
  std::list<Block> idle_;  // the last one freed first
  size_t idle_bytes_ = 0;
  const size_t most_idle_ = mocotpu::MemoryOfProcess() / 8;
};

LargeBlocks& Large() {
  static auto* blocks = new LargeBlocks;  // never freed: XLA's threads may outlive statics
  return *blocks;
}

}  // namespace

namespace mocotpu {

size_t MemoryOfProcess() {
  const size_t machine = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const char* text = std::getenv("MOCOTPU_MEMORY");
  if (text == nullptr) return machine;
  char* end = nullptr;
  const unsigned long long bytes = std::strtoull(text, &end, 10);
  return end == text || *end != '\0' ? machine : static_cast<size_t>(std::min<unsigned long long>(bytes, machine));
}

void ReleaseIdleMemory() { Large().ReleaseIdle(); }

}  // namespace mocotpu

namespace tsl::port {

#pragma GCC visibility push(default)

void* AlignedMalloc(size_t size, std::align_val_t alignment) {
  const size_t align = std::max(static_cast<size_t>(alignment), sizeof(void*));
  if (size >= kLarge && align <= kHugePage) return Large().Take(size);
  void* start = nullptr;
  return posix_memalign(&start, align, size) == 0 ? start : nullptr;
}

void AlignedFree(void* start) {
  if (!Large().Give(start)) std::free(start);
}

void AlignedSizedFree(void* start, size_t, std::align_val_t) { AlignedFree(start); }

#pragma GCC visibility pop

}  // namespace tsl::port
