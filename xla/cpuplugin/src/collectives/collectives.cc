// Collective operations between the devices of one process, in place of XLA's own, which cannot be aborted.
//
// Read in this order: ../launch.h what the devices of a launch share, launch.cc how they meet and who watches, notice.cc
// who hears of it, fault.cc what tests inject, reduce.h the arithmetic, member.h a device's place, and the operations below.

#include <cstring>
#include <exception>

#include "fault.cc"
#include "launch.cc"
#include "member.h"
#include "notice.cc"
#include "reduce.h"
#include "xla/backends/cpu/collectives/cpu_collectives.h"
#include "xla/core/collectives/communicator.h"
#include "xla/future.h"
#include "xla/primitive_util.h"

namespace mocotpu {
namespace {

using Parts = absl::Span<const Part* const>;

const char* From(Address a) { return static_cast<const char*>(a.opaque()); }
char* To(Address a) { return static_cast<char*>(a.opaque()); }

// One device's end of the operations between a group of devices. What XLA calls an element is of type; the work of an
// operation is shared by those who meet.
class InProcess : public Member {
 public:
  InProcess(int rank, size_t ranks) : Member("devices", rank, ranks) {}

  // Every device reduces a share and hands it to the others.
  xla::Future<> AllReduce(Address send, Address receive, xla::PrimitiveType type, size_t count, xla::ReductionKind kind,
                          const Executor& executor) override {
    return Meet("all-reduce", executor, {{From(send)}, {To(receive)}}, [&](Parts parts) {
      const size_t bytes = xla::primitive_util::ByteWidth(type);
      const Share share = ShareOf(count, parts.size(), rank_);
      if (share.count == 0) return absl::OkStatus();
      std::vector<const char*> inputs;
      for (const Part* p : parts) inputs.push_back(p->send[0] + share.first * bytes);
      char* own = parts[rank_]->receive[0] + share.first * bytes;
      if (absl::Status s = Reduce(type, kind, own, inputs, share.count); !s.ok()) return s;
      for (const Part* p : parts) {
        char* to = p->receive[0] + share.first * bytes;
        if (to != own) std::memcpy(to, own, share.count * bytes);
      }
      return absl::OkStatus();
    });
  }

  xla::Future<> ReduceScatter(Address send, Address receive, xla::PrimitiveType type, size_t count,
                              xla::ReductionKind kind, const Executor& executor) override {
    return Meet("reduce-scatter", executor, {{From(send)}, {To(receive)}}, [&](Parts parts) {
      std::vector<const char*> inputs;
      for (const Part* p : parts) inputs.push_back(p->send[0] + rank_ * count * xla::primitive_util::ByteWidth(type));
      return Reduce(type, kind, parts[rank_]->receive[0], inputs, count);
    });
  }

  xla::Future<> AllGather(Address send, Address receive, xla::PrimitiveType type, size_t count,
                          const Executor& executor) override {
    return Meet("all-gather", executor, {{From(send)}, {To(receive)}}, [&](Parts parts) {
      const size_t bytes = count * xla::primitive_util::ByteWidth(type);
      for (size_t i = 0; i < parts.size(); ++i) {
        std::memcpy(parts[rank_]->receive[0] + i * bytes, parts[i]->send[0], bytes);
      }
      return absl::OkStatus();
    });
  }

  xla::Future<> AllToAll(absl::InlinedVector<Address, 4> send, absl::InlinedVector<Address, 4> receive,
                         xla::PrimitiveType type, size_t count, const Executor& executor) override {
    Part part;
    for (const Address& a : send) part.send.push_back(From(a));
    for (const Address& a : receive) part.receive.push_back(To(a));
    return Meet("all-to-all", executor, std::move(part), [&](Parts parts) {
      const size_t bytes = count * xla::primitive_util::ByteWidth(type);
      for (size_t i = 0; i < parts.size(); ++i) {
        std::memcpy(parts[rank_]->receive[i], parts[i]->send[rank_], bytes);
      }
      return absl::OkStatus();
    });
  }

  xla::Future<> CollectivePermute(Address send, Address receive, xla::PrimitiveType type, size_t count,
                                  std::optional<xla::RankId> source, absl::Span<const xla::RankId>,
                                  const Executor& executor) override {
    return Meet("collective-permute", executor, {{From(send)}, {To(receive)}}, [&](Parts parts) {
      const size_t bytes = count * xla::primitive_util::ByteWidth(type);
      if (!source.has_value()) {
        std::memset(parts[rank_]->receive[0], 0, bytes);
      } else if (static_cast<size_t>(source->value()) < parts.size()) {
        std::memcpy(parts[rank_]->receive[0], parts[source->value()]->send[0], bytes);
      } else {
        return absl::InternalError(absl::StrCat("a permutation from rank ", source->value()));
      }
      return absl::OkStatus();
    });
  }

 private:
  // No exception may reach XLA, which calls this.
  template <typename Work>
  xla::Future<> Meet(const char* kind, const Executor& executor, Part part, Work work) noexcept {
    try {
      return xla::Future<>(TryMeet(kind, executor, part, work));
    } catch (const std::exception& e) {
      return xla::Future<>(absl::InternalError(absl::StrCat(kind, ": ", e.what())));
    }
  }

  template <typename Work>
  absl::Status TryMeet(const char* kind, const Executor& executor, const Part& part, Work work) {
    const auto ours = xla::cpu::CpuCollectives::TryCast(&executor);
    if (!ours.ok()) return ours.status();
    const xla::RendezvousKey& key = (*ours)->rendezvous_key();
    if (key.global_devices.size() == 1) {  // also in programs of one device, which are no launches
      const Part* alone = &part;
      return work(Parts(&alone, 1));
    }
    const std::shared_ptr<Launch> launch = Launch::Find(static_cast<int32_t>(key.run_id.ToInt()));
    if (launch == nullptr) {
      return absl::InternalError(absl::StrCat(kind, " of a program that was not launched on several devices"));
    }
    Operation operation;
    for (const auto& d : key.global_devices) operation.devices.push_back(d.value());
    operation.over_channel = key.collective_op_kind == xla::RendezvousKey::kCrossModule;
    operation.number = key.op_id;
    return launch->Meet(operation, kind, rank_, part, work);
  }
};

class InProcessCollectives : public xla::cpu::CpuCollectives {
 public:
  absl::StatusOr<std::vector<std::unique_ptr<xla::Communicator>>> CreateCommunicators(
      const xla::CliqueKey& clique, const std::optional<xla::CliqueIds>&, absl::Span<const DeviceRank> ranks,
      const Config&) final {
    std::vector<std::unique_ptr<xla::Communicator>> all;
    for (const DeviceRank& r : ranks) {
      all.push_back(std::make_unique<InProcess>(static_cast<int>(r.rank.value()), clique.num_devices()));
    }
    return all;
  }
};

}  // namespace

std::shared_ptr<xla::cpu::CpuCollectives> Collectives() {
  // One for all clients, and never freed: XLA keeps what it made of it, by its address.
  static auto* all = new std::shared_ptr<xla::cpu::CpuCollectives>(std::make_shared<InProcessCollectives>());
  return *all;
}

}  // namespace mocotpu
