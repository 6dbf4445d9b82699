// Collective operations between the devices of several processes, over Gloo: built only where libgloo is.
//
// XLA asks for one communicator for each rank (device) of a clique, from that device's thread, at its first operation; the
// communicators of a clique form a full mesh of TCP connections. Operations follow each other in the program's order, so
// that a connection's bytes need no other name than their kind.
//
// Sums are taken in the order of ranks with the arithmetic of ../collectives/reduce.h: a run gives the same numbers
// however its devices are spread over processes. A process that is gone closes its connections, which is an error at the
// others at once; one that hangs is an error after the time limit.

#include "../processes.h"

#include <signal.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <optional>
#include <vector>

#include "../collectives/member.h"
#include "../collectives/reduce.h"
#include "../launch.h"
#include "gloo/rendezvous/context.h"
#include "gloo/rendezvous/store.h"
#include "gloo/transport/tcp/device.h"
#include "gloo/transport/unbound_buffer.h"
#include "gloo/types.h"
#include "xla/backends/cpu/collectives/cpu_collectives.h"
#include "xla/core/collectives/clique_key.h"
#include "xla/core/collectives/communicator.h"
#include "xla/core/collectives/rank_id.h"
#include "xla/future.h"
#include "xla/pjrt/plugin/xla_cpu/cpu_topology.h"
#include "xla/primitive_util.h"

namespace mocotpu {
namespace {

using std::chrono::milliseconds;

// Gloo writes to sockets as to files: where the other end is gone the system sends SIGPIPE, which Go would take for a
// terminal that was closed. While this lives the calling thread gets none, nor does a thread that it starts, ever.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    const timespec none{0, 0};
    if (!was_pending_) sigtimedwait(&pipe_, nullptr, &none);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_, before_;
  bool was_pending_;
};

// The run's store as Gloo wants it, for the addresses of one clique.
class Store : public gloo::rendezvous::Store {
 public:
  Store(const SharedStore& shared, std::string prefix, milliseconds timeout)
      : shared_(shared), prefix_(std::move(prefix)), timeout_(timeout) {}
  void set(const std::string& key, const std::vector<char>& data) override {
    shared_.put(prefix_ + key, std::string(data.begin(), data.end()));
  }
  std::vector<char> get(const std::string& key) override {
    const std::string value = shared_.get(prefix_ + key, timeout_);
    return std::vector<char>(value.begin(), value.end());
  }
  void wait(const std::vector<std::string>& keys) override {
    for (const auto& key : keys) shared_.get(prefix_ + key, timeout_);
  }
  void wait(const std::vector<std::string>& keys, const milliseconds&) override { wait(keys); }

 private:
  const SharedStore& shared_;
  const std::string prefix_;
  const milliseconds timeout_;
};

// One device's end of the operations between a group of devices.
class OverGloo : public Member {
 public:
  OverGloo(std::shared_ptr<gloo::rendezvous::Context> context, milliseconds limit)
      : Member("processes", context->rank, context->size), context_(std::move(context)), limit_(limit) {}

  // Every device reduces the share of its rank and hands it to the others.
  xla::Future<> AllReduce(Address send, Address receive, xla::PrimitiveType type, size_t count, xla::ReductionKind kind,
                          const Executor& executor) override {
    return Run("all-reduce", executor, [&](milliseconds timeout) {
      const size_t bytes = xla::primitive_util::ByteWidth(type), n = size();
      const Share own = ShareOf(count, n, rank());
      std::vector<char> parts(n * own.count * bytes);
      std::vector<Piece> out(n), in(n);
      std::vector<const char*> inputs(n);
      for (size_t r = 0; r < n; ++r) {
        out[r] = PieceOf(send, ShareOf(count, n, r), bytes);
        in[r] = {parts.data() + r * own.count * bytes, own.count * bytes};
        inputs[r] = in[r].data;
      }
      Exchange(kReduce, out, in, timeout);
      const Piece mine = PieceOf(receive, own, bytes);
      if (absl::Status s = Reduce(type, kind, mine.data, inputs, own.count); !s.ok()) return s;
      for (size_t r = 0; r < n; ++r) {
        out[r] = mine;
        in[r] = PieceOf(receive, ShareOf(count, n, r), bytes);
      }
      Exchange(kGather, out, in, timeout);
      return absl::OkStatus();
    });
  }

  xla::Future<> ReduceScatter(Address send, Address receive, xla::PrimitiveType type, size_t count,
                              xla::ReductionKind kind, const Executor& executor) override {
    return Run("reduce-scatter", executor, [&](milliseconds timeout) {
      const size_t bytes = xla::primitive_util::ByteWidth(type), n = size();
      std::vector<char> parts(n * count * bytes);
      std::vector<Piece> out(n), in(n);
      std::vector<const char*> inputs(n);
      for (size_t r = 0; r < n; ++r) {
        out[r] = PieceOf(send, {r * count, count}, bytes);
        in[r] = {parts.data() + r * count * bytes, count * bytes};
        inputs[r] = in[r].data;
      }
      Exchange(kReduce, out, in, timeout);
      return Reduce(type, kind, static_cast<char*>(receive.opaque()), inputs, count);
    });
  }

  xla::Future<> AllGather(Address send, Address receive, xla::PrimitiveType type, size_t count,
                          const Executor& executor) override {
    return Run("all-gather", executor, [&](milliseconds timeout) {
      const size_t bytes = xla::primitive_util::ByteWidth(type), n = size();
      std::vector<Piece> out(n, PieceOf(send, {0, count}, bytes)), in(n);
      for (size_t r = 0; r < n; ++r) in[r] = PieceOf(receive, {r * count, count}, bytes);
      Exchange(kGather, out, in, timeout);
      return absl::OkStatus();
    });
  }

  xla::Future<> AllToAll(absl::InlinedVector<Address, 4> send, absl::InlinedVector<Address, 4> receive,
                         xla::PrimitiveType type, size_t count, const Executor& executor) override {
    return Run("all-to-all", executor, [&](milliseconds timeout) {
      const size_t bytes = xla::primitive_util::ByteWidth(type), n = size();
      if (send.size() != n || receive.size() != n) {
        return absl::InternalError(absl::StrCat(send.size(), " to ", receive.size(), " parts, want ", n));
      }
      std::vector<Piece> out(n), in(n);
      for (size_t r = 0; r < n; ++r) {
        out[r] = PieceOf(send[r], {0, count}, bytes);
        in[r] = PieceOf(receive[r], {0, count}, bytes);
      }
      Exchange(kExchange, out, in, timeout);
      return absl::OkStatus();
    });
  }

  xla::Future<> CollectivePermute(Address send, Address receive, xla::PrimitiveType type, size_t count,
                                  std::optional<xla::RankId> source, absl::Span<const xla::RankId> targets,
                                  const Executor& executor) override {
    return Run("collective-permute", executor, [&](milliseconds timeout) {
      const size_t bytes = xla::primitive_util::ByteWidth(type);
      std::vector<Piece> out(size()), in(size());
      for (const xla::RankId target : targets) {
        if (!Known(target)) return absl::InternalError(absl::StrCat("a permutation to rank ", target.value()));
        out[target.value()] = PieceOf(send, {0, count}, bytes);
      }
      if (!source.has_value()) {
        std::memset(receive.opaque(), 0, count * bytes);
      } else if (!Known(*source)) {
        return absl::InternalError(absl::StrCat("a permutation from rank ", source->value()));
      } else {
        in[source->value()] = PieceOf(receive, {0, count}, bytes);
      }
      Exchange(kPermute, out, in, timeout);
      return absl::OkStatus();
    });
  }

 private:
  enum Kind : uint8_t { kReduce = 0x40, kGather, kExchange, kPermute };
  struct Piece {
    char* data = nullptr;  // null: nothing goes this way
    size_t bytes = 0;
  };

  size_t rank() const { return rank_; }
  size_t size() const { return ranks_; }
  bool Known(xla::RankId r) const { return r.value() >= 0 && static_cast<size_t>(r.value()) < size(); }
  static Piece PieceOf(Address of, Share share, size_t bytes) {
    return {static_cast<char*>(of.opaque()) + share.first * bytes, share.count * bytes};
  }

  // Sends out[r] to every rank r, and fills in[r] from it; they agree in size where both have something. It throws where
  // a rank is gone or does not come in time.
  void Exchange(Kind kind, const std::vector<Piece>& out, const std::vector<Piece>& in, milliseconds timeout) {
    const size_t n = size(), me = rank();
    const uint64_t slot = gloo::Slot::build(kind, 0);
    std::vector<std::unique_ptr<gloo::transport::UnboundBuffer>> sent(n), received(n);
    for (size_t i = 1; i < n; ++i) {
      const size_t to = (me + i) % n, from = (me + n - i) % n;
      if (in[from].bytes > 0) {
        received[from] = context_->createUnboundBuffer(in[from].data, in[from].bytes);
        received[from]->recv(static_cast<int>(from), slot);
      }
      if (out[to].bytes > 0) {
        sent[to] = context_->createUnboundBuffer(out[to].data, out[to].bytes);
        sent[to]->send(static_cast<int>(to), slot);
      }
    }
    if (out[me].bytes > 0 && in[me].bytes > 0 && out[me].data != in[me].data) {
      std::memmove(in[me].data, out[me].data, in[me].bytes);
    }
    for (auto& b : received) {
      if (b != nullptr && !b->waitRecv(timeout)) throw std::runtime_error("given up");
    }
    for (auto& b : sent) {
      if (b != nullptr && !b->waitSend(timeout)) throw std::runtime_error("given up");
    }
  }

  // No exception may reach XLA, which calls this.
  template <typename Work>
  xla::Future<> Run(const char* kind, const Executor& executor, Work work) noexcept {
    const NoPipeSignal quiet;
    try {
      const auto ours = xla::cpu::CpuCollectives::TryCast(&executor);
      if (!ours.ok()) return xla::Future<>(ours.status());
      const milliseconds asked(absl::ToInt64Milliseconds((*ours)->timeout()));
      return xla::Future<>(work(std::min(limit_, asked)));
    } catch (const std::exception& e) {
      return xla::Future<>(
          absl::UnavailableError(absl::StrCat(kind, " with other processes (", ToString(), "): ", e.what())));
    }
  }

  const std::shared_ptr<gloo::rendezvous::Context> context_;
  const milliseconds limit_;
};

class Collective : public xla::cpu::CpuCollectives {
 public:
  Collective(SharedStore store, int process, std::shared_ptr<gloo::transport::Device> device, milliseconds timeout)
      : store_(std::move(store)), process_(process), device_(std::move(device)), timeout_(timeout) {}

  absl::StatusOr<std::vector<std::unique_ptr<xla::Communicator>>> CreateCommunicators(
      const xla::CliqueKey& clique, const std::optional<xla::CliqueIds>& ids, absl::Span<const DeviceRank> ranks,
      const Config& config) final {
    const NoPipeSignal quiet;
    bool within = true;
    std::string prefix = "clique";
    for (const xla::GlobalDeviceId id : clique.devices()) {
      within = within && xla::UnpackCpuProcessIndex(xla::PjRtGlobalDeviceId(id.value())) == process_;
      absl::StrAppend(&prefix, ",", id.value());
    }
    if (within) return mocotpu::Collectives()->CreateCommunicators(clique, ids, ranks, config);
    std::vector<std::unique_ptr<xla::Communicator>> all;
    for (const DeviceRank& r : ranks) {
      try {
        auto context = std::make_shared<gloo::rendezvous::Context>(r.rank.value(), clique.num_devices());
        context->setTimeout(timeout_);
        Store store(store_, prefix + "/", timeout_);
        context->connectFullMesh(store, device_);
        all.push_back(std::make_unique<OverGloo>(std::move(context), timeout_));
      } catch (const std::exception& e) {
        return absl::UnavailableError(absl::StrCat("connecting device ", r.rank.value(), " of ", clique.num_devices(),
                                                   " to those of other processes: ", e.what()));
      }
    }
    return all;
  }

 private:
  const SharedStore store_;
  const int process_;
  std::shared_ptr<gloo::transport::Device> device_;
  const milliseconds timeout_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<xla::cpu::CpuCollectives>> GlooCollectives(SharedStore store, int process,
                                                                         const std::string& host,
                                                                         milliseconds timeout) {
  const NoPipeSignal quiet;
  try {
    gloo::transport::tcp::attr attr;
    attr.hostname = host;
    // Never freed: XLA keeps what it made of it, by its address.
    return *new std::shared_ptr<xla::cpu::CpuCollectives>(std::make_shared<Collective>(
        std::move(store), process, gloo::transport::tcp::CreateDevice(attr), timeout));
  } catch (const std::exception& e) {
    return absl::UnavailableError(absl::StrCat("listening at ", host, " for other processes: ", e.what()));
  }
}

}  // namespace mocotpu
