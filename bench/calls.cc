// bench_calls: what a round trip costs its two applications, socket to socket, without a network:
// two hosts in one thread, `udp` on the loopback, one request at a time.
//
//   bench_calls                   nanoseconds per round trip, the kernel's work included
//   bench_calls --rpcs N          exactly N round trips, for callgrind, which leaves the kernel
//                                 out: bench/instructions --calls counts instructions per side
//   bench_calls --steps N         exactly N steps of an engine that has nothing to do, for
//                                 bench/instructions --idle
//   --idle N                      beside N sockets on each host that do nothing
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "homa/host.h"
#include "report.h"

namespace homa::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint16_t kPort = 100;
constexpr std::uint64_t kWarmUp = 5'000;
constexpr std::uint64_t kWindow = 5'000;

struct Options {
  std::size_t bytes = 100;
  std::uint32_t outstanding = 1;
  double seconds = 1;
  std::uint64_t rpcs = 0;
  std::uint64_t steps = 0;
  std::uint32_t idle = 0;
};

Result<Host, Error> open_host(const Options& options) {
  HostConfig config;
  config.address = "127.0.0.1";
  config.udp_port = 0;
  config.takeover = std::chrono::seconds(10);  // this thread does it all
  config.poll = std::chrono::hours(1);
  // Valgrind has room for few sockets of the default size.
  if (options.idle > 0) config.transmit_bytes = 1 << 20;
  return Host::open(config);
}

class Pair {
 public:
  Pair(Host client_host, Host server_host, Socket client, Socket server, const Options& options)
      : client_host_(std::move(client_host)),
        server_host_(std::move(server_host)),
        client_(std::move(client)),
        server_(std::move(server)),
        message_(options.bytes),
        outstanding_(options.outstanding),
        to_{server_host_.address(), kPort} {}

  bool open_idle(std::uint32_t sockets) {
    for (std::uint32_t i = 0; i < sockets; ++i) {
      for (Host* host : {&client_host_, &server_host_}) {
        auto socket = host->client();
        if (!socket) return false;
        idle_.push_back(std::move(*socket));
      }
    }
    return true;
  }

  void step(std::uint64_t steps) {
    for (std::uint64_t i = 0; i < steps; ++i) client_host_.poll();
  }

  // Rounds of `outstanding` requests, all sent, then all answered, then all received.
  bool run(std::uint64_t rpcs) {
    for (std::uint64_t done = 0; done < rpcs; done += outstanding_) {
      for (std::uint32_t i = 0; i < outstanding_; ++i) {
        if (!client_.send(to_, message_)) return false;
      }
      for (std::uint32_t i = 0; i < outstanding_; ++i) {
        const auto request = server_.receive();
        if (!request || !server_.reply(request->rpc(), message_)) return false;
      }
      for (std::uint32_t i = 0; i < outstanding_; ++i) {
        const auto response = client_.receive();
        if (!response || response->kind() != Message::Kind::kResponse) return false;
      }
    }
    return true;
  }

 private:
  Host client_host_, server_host_;
  Socket client_, server_;
  std::vector<Socket> idle_;
  std::vector<std::byte> message_;
  std::uint32_t outstanding_;
  SocketAddress to_;
};

bool measure(Pair& pair, const Options& options) {
  std::vector<double> nanoseconds;
  const auto until = Clock::now() + std::chrono::duration<double>(options.seconds);
  while (Clock::now() < until) {
    const auto start = Clock::now();
    if (!pair.run(kWindow)) return false;
    const std::chrono::duration<double, std::nano> took = Clock::now() - start;
    nanoseconds.push_back(took.count() / static_cast<double>(kWindow));
  }
  std::sort(nanoseconds.begin(), nanoseconds.end());
  report("calls.rpc",
         {{"bytes", options.bytes},
          {"outstanding", options.outstanding},
          {"idle_sockets", options.idle}},
         {{"round_trip_ns", nanoseconds[nanoseconds.size() / 2]},
          {"round_trip_best_ns", nanoseconds.front()}});
  return true;
}

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Round trips between the sockets of two hosts, in one thread");
  app.add_option("--bytes", options.bytes, "request and response length");
  app.add_option("--outstanding", options.outstanding, "requests in progress");
  app.add_option("--seconds", options.seconds, "to measure");
  app.add_option("--rpcs", options.rpcs, "run this many, without a report");
  app.add_option("--steps", options.steps, "run this many idle steps, without a report");
  app.add_option("--idle", options.idle, "further sockets on each host");
  CLI11_PARSE(app, argc, argv);
  auto client_host = open_host(options);
  auto server_host = open_host(options);
  if (!client_host || !server_host) return 1;
  auto client = client_host->client();
  auto server = server_host->serve(kPort);
  if (!client || !server) return 1;
  Pair pair(std::move(*client_host), std::move(*server_host), std::move(*client),
            std::move(*server), options);
  if (!pair.open_idle(options.idle)) return 1;
  if (options.steps > 0) {
    pair.step(options.steps);
    return 0;
  }
  if (options.rpcs > 0) return pair.run(options.rpcs) ? 0 : 1;
  return pair.run(kWarmUp) && measure(pair, options) ? 0 : 1;
}

}  // namespace
}  // namespace homa::bench

int main(int argc, char** argv) { return homa::bench::main(argc, argv); }
