// One device's place in a group of devices, and the operations that no program here has.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "xla/core/collectives/communicator.h"
#include "xla/future.h"

namespace mocotpu {

using Address = stream_executor::DeviceAddressBase;
using Executor = xla::Communicator::Executor;

class Member : public xla::Communicator {
 public:
  // others is what the operations are between, for messages.
  Member(const char* others, int rank, size_t ranks) : rank_(rank), ranks_(ranks), others_(others) {}

  xla::Future<> Broadcast(Address, Address, xla::PrimitiveType, size_t, xla::RankId, const Executor&) override {
    return Lacks("broadcast");
  }
  xla::Future<> Send(Address, xla::PrimitiveType, size_t, xla::RankId, const Executor&) override { return Lacks("send"); }
  xla::Future<> Recv(Address, xla::PrimitiveType, size_t, xla::RankId, const Executor&) override {
    return Lacks("receive");
  }

  absl::StatusOr<size_t> NumRanks() const override { return ranks_; }
  absl::StatusOr<size_t> CurrentRank() override { return rank_; }
  std::string ToString() const override { return absl::StrCat("rank ", rank_, " of ", ranks_); }

 protected:
  const int rank_;
  const size_t ranks_;

 private:
  xla::Future<> Lacks(const char* what) const {
    return xla::Future<>(absl::UnimplementedError(absl::StrCat(what, " between ", others_, " is not implemented")));
  }

  const char* const others_;
};

}  // namespace mocotpu
