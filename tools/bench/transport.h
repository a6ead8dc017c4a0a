// What a load generator needs of a protocol: start RPCs, and be told when they end. One object is
// both sides of one host, client and server, and belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>

#include "tools/bench/config.h"
#include "tools/bench/pattern.h"

namespace homa::tools {

// Monotonic time since the machine started, the same in every process of the machine.
Nanoseconds bench_now();

enum class RpcEnd : std::uint8_t { kComplete, kFailed, kCorrupt };

class BenchTransport {
 public:
  // Hears how RPCs end, inside serve_until().
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void on_end(std::uint64_t rpc, RpcEnd end) = 0;
  };

  virtual ~BenchTransport() = default;

  // Called once after every host's transport exists and before any RPC.
  virtual Result<void, Error> connect() { return {}; }
  // Starts an RPC to another host. `rpc` is not in use; the transport may hold the request back.
  virtual void start(std::size_t peer, std::uint64_t rpc, std::uint32_t request_bytes,
                     std::uint32_t response_bytes) = 0;
  // Serves and receives; sleeps when there is nothing to do. Returns at `until` or some time
  // before, but not long after.
  virtual void serve_until(Nanoseconds until, Listener& listener) = 0;
  // Packets sent again so far.
  virtual std::uint64_t retransmissions() const = 0;
  virtual std::string description() const = 0;
  // What the protocol counted, "name value" on a line each; may be empty.
  virtual std::string counters() const { return {}; }
  // Requests that arrived damaged at this host's server.
  virtual std::uint64_t corrupt_requests() const { return corrupt_requests_; }

 protected:
  std::uint64_t corrupt_requests_ = 0;
};

// `self` is the index of this host in setup.hosts; must be called in its network namespace.
Result<std::unique_ptr<BenchTransport>, Error> make_tcp_transport(const BenchSetup& setup,
                                                                  std::size_t self,
                                                                  const BenchProtocol& protocol,
                                                                  const BenchPattern& pattern);
// Whether this build has gRPC (HOMA_BENCH_GRPC).
bool has_grpc();
// An error where it has none.
Result<std::unique_ptr<BenchTransport>, Error> make_grpc_transport(const BenchSetup& setup,
                                                                   std::size_t self,
                                                                   const BenchProtocol& protocol,
                                                                   const BenchPattern& pattern);
Result<std::unique_ptr<BenchTransport>, Error> make_homa_transport(const BenchSetup& setup,
                                                                   std::size_t self,
                                                                   std::uint32_t response_bytes,
                                                                   const BenchPattern& pattern);

// Hosts 0 and 1 only, one message at a time; spinning where setup.spin says so.
Result<std::unique_ptr<BenchTransport>, Error> make_echo_transport(const BenchSetup& setup,
                                                                   std::size_t self, bool tcp);

}  // namespace homa::tools
