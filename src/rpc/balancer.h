// Which of several servers takes the next call: the one with fewer calls outstanding of two that
// are drawn. Servers that fail are left out for a while. Retries have a budget.
//
// Any thread. No system call; a short lock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <vector>

#include "homa/address.h"

namespace homa::rpc {

class Balancer {
 public:
  using Clock = std::chrono::steady_clock;

  // Failures in a row after which a server is left out, and for how long: that time doubles each
  // time, and a call that works ends it. If all are left out, all are taken.
  static constexpr unsigned kFailuresMax = 3;
  static constexpr std::chrono::milliseconds kEjectionFirst{500}, kEjectionMost{30'000};
  // A call that works earns a tenth of a retry; so many are saved at most.
  static constexpr unsigned kRetriesMax = 10;

  Balancer(std::vector<SocketAddress> servers, std::uint64_t seed);

  std::size_t servers() const { return servers_.size(); }
  const SocketAddress& address(std::size_t server) const { return servers_[server].address; }

  // A server that this call did not ask before; nullopt: there is none. finished() must follow.
  std::optional<std::size_t> pick(const std::vector<bool>& asked, Clock::time_point now);
  // How a call ended: `worked` false if the server could not be reached, or refused.
  void finished(std::size_t server, bool worked, Clock::time_point now);
  // A call was given up for another one: that says nothing about the server.
  void abandoned(std::size_t server);
  // One more server may be asked for a call that failed. Uses the budget up.
  bool may_retry();

 private:
  struct Server {
    SocketAddress address;
    std::uint32_t outstanding = 0;
    unsigned failures = 0;  // in a row
    Clock::time_point ejected_until = Clock::time_point::min();
  };

  std::size_t draw(std::size_t count);

  std::mutex mutex_;
  std::vector<Server> servers_;
  std::vector<std::size_t> candidates_;  // room for pick()
  std::mt19937_64 random_;
  unsigned budget_ = kRetriesMax * 10;  // tenths of retries
};

}  // namespace homa::rpc
