// Programs that keep to the rules while another one does not: they call a server over the same
// homad, verify each byte, and note how long each call took.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <new>
#include <vector>

#include "daemon/homad.h"
#include "endtoend/hosts.h"

namespace homa::testing {

// Times in steps of an eighth of a power of two. In memory that processes share.
class SharedTimes {
 public:
  void add(std::uint64_t nanoseconds) {
    const std::uint64_t value = std::max<std::uint64_t>(nanoseconds, 8);
    const auto power = static_cast<std::size_t>(std::bit_width(value)) - 1;
    counts_[power * 8 + ((value >> (power - 3)) & 7)].fetch_add(1, std::memory_order_relaxed);
  }
  std::uint64_t count() const {
    std::uint64_t all = 0;
    for (const auto& count : counts_) all += count.load();
    return all;
  }
  // The time that so many thousandths stay below, in microseconds.
  double percentile(std::uint64_t per_mille) const {
    std::uint64_t left = count() * per_mille / 1'000;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      const std::uint64_t here = counts_[i].load();
      if (here > left) return std::ldexp(1.0 + static_cast<double>(i % 8) / 8, int(i / 8)) / 1'000;
      left -= here;
    }
    return 0;
  }

 private:
  std::array<std::atomic<std::uint64_t>, 64 * 8> counts_{};
};

class Neighbours {
 public:
  static constexpr std::uint16_t kPort = 4'000;

  struct Phase {
    SharedTimes times;
    std::atomic<std::uint64_t> failures{0};
  };

  // `clients` programs and one that serves them. They begin at once.
  Neighbours(const HostConfig& config, int clients) : shared_(share()) {
    const Flag ready;
    children_.emplace_back([&] { return serve(config, ready); });
    EXPECT_TRUE(ready.wait());
    for (int i = 0; i < clients; ++i) {
      children_.emplace_back([&, i] { return call(config, ready, static_cast<std::uint64_t>(i)); });
    }
    for (int i = 0; i < clients; ++i) EXPECT_TRUE(ready.wait());
  }
  ~Neighbours() {
    children_.clear();
    ::munmap(shared_, sizeof(Shared));
  }
  Neighbours(const Neighbours&) = delete;
  Neighbours& operator=(const Neighbours&) = delete;

  // What they did in the next so long.
  const Phase& watch(std::chrono::milliseconds time) {
    Phase& phase = *new (&shared_->phases[next_++ % kPhases]) Phase;
    shared_->current.store(&phase);
    std::this_thread::sleep_for(time);
    shared_->current.store(&shared_->between);
    return phase;
  }

 private:
  static constexpr std::size_t kPhases = 16;
  struct Shared {
    Phase between;
    std::array<Phase, kPhases> phases;
    std::atomic<Phase*> current{&between};  // the children map it where their parent does
  };

  static Shared* share() {
    void* const memory =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return new (memory) Shared;
  }
  // One call of twenty has a long message. Only a wrong answer ends it.
  int call(const HostConfig& config, const Flag& ready, std::uint64_t seed) {
    ::alarm(600);
    auto host = Host::open(config);
    if (!host) return 2;
    auto socket = host->client();
    if (!socket) return 3;
    const std::vector<std::byte> small = pattern(100, seed), large = pattern(100'000, seed);
    ready.raise();
    for (std::uint64_t i = seed;; ++i) {
      const std::vector<std::byte>& request = i % 20 == 0 ? large : small;
      const auto before = std::chrono::steady_clock::now();
      const auto response = socket->call({host->address(), kPort}, request, 30s);
      const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - before;
      Phase& phase = *shared_->current.load();
      if (!response || !std::equal(request.begin(), request.end(), response->bytes().begin(),
                                   response->bytes().end())) {
        ++phase.failures;
        if (response) return 4;
      }
      if (request.size() == small.size()) {
        phase.times.add(static_cast<std::uint64_t>(took.count()));
      }
      std::this_thread::sleep_for(3ms);
    }
  }
  static int serve(const HostConfig& config, const Flag& ready) {
    ::alarm(600);
    auto host = Host::open(config);
    if (!host) return 2;
    auto socket = host->serve(kPort);
    if (!socket) return 3;
    ready.raise();
    while (const auto request = socket->receive()) {
      static_cast<void>(socket->reply(request->rpc(), request->bytes()).has_value());
    }
    return 4;
  }

  Shared* shared_;
  std::size_t next_ = 0;
  std::vector<Child> children_;
};

}  // namespace homa::testing
