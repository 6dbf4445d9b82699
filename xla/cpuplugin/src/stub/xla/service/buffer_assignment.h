// Stands in for XLA's header, of which thunks need the slices of allocations: saves compile time. XLA hands them over, so
// that the members are XLA's and in its order; those of an allocation that follow its index are left out.
#pragma once
#include <cstdint>
#include <string>

#include "xla/service/hlo.pb.h"
#include "xla/xla_data.pb.h"

namespace xla {
class BufferAllocation {
 public:
  using Index = int64_t;

  class Slice {
   public:
    Index index() const { return allocation_->index(); }
    int64_t offset() const { return offset_; }
    int64_t size() const { return size_; }
    bool operator==(const Slice& other) const;  // for inline functions that nobody here calls
    std::string ToString() const;

   private:
    const BufferAllocation* allocation_ = nullptr;
    int64_t offset_ = 0;
    int64_t size_ = 0;
    PrimitiveType element_type_ = PrimitiveType::PRIMITIVE_TYPE_INVALID;
  };

  Index index() const { return index_; }

 private:
  Index index_;
};
}  // namespace xla
