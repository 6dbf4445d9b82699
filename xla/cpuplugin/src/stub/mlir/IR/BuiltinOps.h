// Stands in for MLIR's headers, which the wheel lacks. What crosses the library's border:
//   MLIRContext is one unique_ptr (here with room to spare);
//   ModuleOp is one Operation*, trivially copyable, so that it travels in a register;
//   OwningOpRef<ModuleOp> is one ModuleOp whose destructor erases it.
// libtensorflow_framework.so.2 exports the three member functions that are only declared.
#pragma once

namespace mlir {

class MLIRContext {
 public:
  enum class Threading { DISABLED, ENABLED };
  explicit MLIRContext(Threading multithreading = Threading::ENABLED);
  ~MLIRContext();
  MLIRContext(const MLIRContext&) = delete;
  MLIRContext& operator=(const MLIRContext&) = delete;

 private:
  void* opaque_[8];
};

class Operation {
 public:
  void erase();
};

class ModuleOp {
 public:
  ModuleOp() = default;
  Operation* getOperation() const { return state_; }

 private:
  Operation* state_ = nullptr;
};

template <class OpTy>
class OwningOpRef {
 public:
  OwningOpRef() = default;
  OwningOpRef(OwningOpRef&& other) noexcept : op_(other.op_) { other.op_ = OpTy(); }
  OwningOpRef& operator=(OwningOpRef&& other) noexcept {
    OpTy old = op_;
    op_ = other.op_;
    other.op_ = old;
    return *this;
  }
  OwningOpRef(const OwningOpRef&) = delete;
  ~OwningOpRef() {
    if (op_.getOperation()) op_.getOperation()->erase();
  }
  OpTy get() const { return op_; }

 private:
  OpTy op_;
};

}  // namespace mlir
