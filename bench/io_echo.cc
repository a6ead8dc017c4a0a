// Round trips of 100-byte packets between two hosts (network namespaces with a veth pair), both
// sides polling: each back end against bare UDP sockets, in turns, and the ratio. Needs root.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "base/descriptor.h"
#include "io/open.h"
#include "io/socket_address.h"
#include "system/namespace.h"

namespace homa::io {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kBytes = 100;
constexpr int kRounds = 7;
constexpr auto kRoundTime = std::chrono::milliseconds(300);

// One end of an exchange: sends a packet, or takes one if it is there.
struct End {
  std::function<void()> send;
  std::function<bool()> receive;
};

End bare_end(const testing::Namespace& host, const char* mine, const char* other) {
  const auto here = host.enter();
  auto socket =
      std::make_shared<base::Descriptor>(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
  SocketName name{};
  to_socket_name(*Address::parse(mine), 7000, AF_INET, 0, name);
  const bool bound = bind(socket->get(), &name.any, sizeof name.v4) == 0;
  to_socket_name(*Address::parse(other), 7000, AF_INET, 0, name);
  if (!bound) std::abort();
  return {[=] {
            char packet[kBytes] = {};
            sendto(socket->get(), packet, sizeof packet, 0, &name.any, sizeof name.v4);
          },
          [=] {
            char packet[2048];
            return recv(socket->get(), packet, sizeof packet, 0) > 0;
          }};
}

End back_end(const testing::Namespace& host, const std::string& name, const char* mine,
             const char* other) {
  const auto here = host.enter();
  IoConfig config;
  config.backend = name;
  config.address = mine;
  auto opened = open(config);
  if (!opened) {
    fmt::print(stderr, "{}\n", opened.error().text);
    return {};
  }
  const std::shared_ptr<PacketIo> io = std::move(*opened);
  const Address to = *Address::parse(other);
  return {[=] {
            const std::array<std::byte, 28> header{};
            const std::array<std::byte, kBytes - 28> payload{};
            const TxFrame frame{to, 7, header, payload};
            while (io->send({&frame, 1}) == 0) continue;
          },
          [=] {
            std::array<RxFrame, 64> frames;
            const std::size_t count = io->receive(frames);
            io->release(std::span(frames).first(count));
            return count > 0;
          }};
}

void pin(std::size_t cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

// Nanoseconds of the median round trip.
double measure(const End& a, const End& b) {
  std::atomic<bool> stop = false;
  std::thread echo([&] {
    pin(1);
    while (!stop) {
      if (b.receive()) b.send();
    }
  });
  std::vector<double> times;
  std::thread([&] {
    pin(0);
    const auto end = Clock::now() + kRoundTime;
    while (Clock::now() < end) {
      const auto start = Clock::now();
      const auto give_up = start + std::chrono::milliseconds(100);
      a.send();
      while (!a.receive() && Clock::now() < give_up) continue;
      times.push_back(std::chrono::duration<double, std::nano>(Clock::now() - start).count());
    }
  }).join();
  stop = true;
  echo.join();
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

int run() {
  std::string reason;
  const auto hosts = testing::TwoHosts::create(reason);
  if (!hosts) {
    fmt::print(stderr, "io_echo: {}\n", reason);
    return 1;
  }
  std::vector<std::pair<std::string, std::pair<End, End>>> all;
  all.push_back({"bare udp",
                 {bare_end(*hosts->a, "10.77.0.1", "10.77.0.2"),
                  bare_end(*hosts->b, "10.77.0.2", "10.77.0.1")}});
  for (const std::string name : {"udp", "raw"}) {
    const End a = back_end(*hosts->a, name, "10.77.0.1", "10.77.0.2");
    const End b = back_end(*hosts->b, name, "10.77.0.2", "10.77.0.1");
    if (a.send && b.send) all.push_back({name, {a, b}});
  }
  std::vector<std::vector<double>> results(all.size());
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      results[i].push_back(measure(all[i].second.first, all[i].second.second));
    }
  }
  double bare = 0;
  fmt::print("{:10} {:>12} {:>8}\n", "", "round trip", "ratio");
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::sort(results[i].begin(), results[i].end());
    const double median = results[i][results[i].size() / 2];
    if (i == 0) bare = median;
    fmt::print("{:10} {:9.2f} us {:8.2f}\n", all[i].first, median / 1000, median / bare);
  }
  return 0;
}

}  // namespace
}  // namespace homa::io

int main() { return homa::io::run(); }
