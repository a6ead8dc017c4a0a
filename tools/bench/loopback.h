// For tests: a benchmark's hosts on loopback, in this process or in processes of their own.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <map>

#include "tools/bench/transport.h"

namespace homa::tools {

// Tests that run at the same time do not meet: every process has addresses of its own.
inline BenchSetup loopback_setup(std::size_t hosts) {
  BenchSetup setup;
  const auto process = static_cast<unsigned>(::getpid());
  for (std::size_t host = 1; host <= hosts; ++host) {
    setup.hosts.push_back(
        {"", fmt::format("127.{}.{}.{}", 1 + (process >> 8) % 250, process % 256, host)});
  }
  setup.homa.engine = EngineChoice::kOwn;
  return setup;
}

// Remembers how RPCs ended.
class Ends final : public BenchTransport::Listener {
 public:
  void on_end(std::uint64_t rpc, RpcEnd end) override { ends_.emplace(rpc, end); }

  std::size_t size() const { return ends_.size(); }
  bool contains(std::uint64_t rpc) const { return ends_.contains(rpc); }
  RpcEnd of(std::uint64_t rpc) const { return ends_.at(rpc); }

 private:
  std::map<std::uint64_t, RpcEnd> ends_;
};

// Lets the client and then the server work, by turns, until so many RPCs have ended. False: that
// took more than ten seconds.
inline bool serve_both(BenchTransport& client, BenchTransport& server, Ends& ends,
                       std::size_t count) {
  const Nanoseconds limit = bench_now() + std::chrono::seconds(10);
  Ends none;
  while (ends.size() < count && bench_now() < limit) {
    client.serve_until(bench_now() + std::chrono::microseconds(100), ends);
    server.serve_until(bench_now() + std::chrono::microseconds(100), none);
  }
  return ends.size() >= count;
}

}  // namespace homa::tools
