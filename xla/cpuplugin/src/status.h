// Errors, and the frame that every function of the table has.
#pragma once

#include "xla.h"

#define RETURN_IF_ERROR(expr)                          \
  do {                                                 \
    if (absl::Status s_ = (expr); !s_.ok()) return s_; \
  } while (0)
#define CONCAT_(a, b) a##b
#define CONCAT(a, b) CONCAT_(a, b)
#define ASSIGN_OR_RETURN(lhs, expr) ASSIGN_OR_RETURN_(CONCAT(so_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_(so, lhs, expr)       \
  auto so = (expr);                            \
  if (!so.ok()) return std::move(so).status(); \
  lhs = std::move(so).value()

struct PJRT_Error {
  absl::Status status;
};

namespace {

PJRT_Error* ToError(absl::Status status) {
  return status.ok() ? nullptr : new PJRT_Error{std::move(status)};
}

absl::Status NotNull(const void* p, const char* what) {
  if (p == nullptr) return absl::InvalidArgumentError(absl::StrCat(what, " is null"));
  return absl::OkStatus();
}

// Runs the body of a function of the table: no C++ exception may cross into the caller's C or Go.
template <typename Args, typename Body>
PJRT_Error* Call(const char* name, size_t min_size, Args* args, Body body) noexcept {
  try {
    if (args == nullptr) {
      return ToError(absl::InvalidArgumentError(absl::StrCat(name, ": args is null")));
    }
    if (args->struct_size < min_size) {
      return ToError(absl::InvalidArgumentError(
          absl::StrFormat("%s: args.struct_size is %d, want %d or more: the caller was built with "
                          "an older PJRT C API",
                          name, args->struct_size, min_size)));
    }
    return ToError(body(args));
  } catch (const std::bad_alloc&) {
    return ToError(absl::ResourceExhaustedError(absl::StrCat(name, ": out of host memory")));
  } catch (const std::exception& e) {
    return ToError(absl::InternalError(absl::StrCat(name, ": C++ exception: ", e.what())));
  } catch (...) {
    return ToError(absl::InternalError(absl::StrCat(name, ": unknown C++ exception")));
  }
}

}  // namespace

// FN(name) { body } defines the table's function Fn_name; the body returns absl::Status and sees `args`.
// FN_TO(name, field): a caller whose struct ends at `field` or later will do.
#define FN_SIZE(name, size)                                                                    \
  absl::Status Do_##name(name##_Args* args);                                                   \
  PJRT_Error* Fn_##name(name##_Args* args) { return Call(#name, (size), args, Do_##name); }     \
  absl::Status Do_##name(name##_Args* args)
#define FN(name) FN_SIZE(name, name##_Args_STRUCT_SIZE)
#define FN_TO(name, field) FN_SIZE(name, PJRT_STRUCT_SIZE(name##_Args, field))

// Whether the caller's struct is new enough to have `field`.
#define HAS(args, field)                                                                        \
  ((args)->struct_size >= offsetof(std::remove_reference_t<decltype(*(args))>, field) +         \
                              sizeof((args)->field))
