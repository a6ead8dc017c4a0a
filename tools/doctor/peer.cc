#include "tools/doctor/peer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <thread>

#include "base/time.h"
#include "tools/text/units.h"

namespace homa::tools {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kShort = 100;
constexpr std::size_t kLong = 500'000;
constexpr int kIdleCalls = 50;
constexpr int kSenders = 2;
constexpr std::chrono::milliseconds kLoadFor{2'000};
constexpr std::chrono::seconds kPatience{2};
// Queues of a healthy link under Homa's load: some packets in the device and the switch.
constexpr double kQueueMicroseconds = 300;
constexpr std::uint64_t kQueuePackets = 20;
constexpr std::uint64_t kPacketBits = 1'500 * 8;

double percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(rank, sorted.size() - 1)];
}

// Microseconds.
Result<double, Error> call(Socket& socket, const SocketAddress& server, std::size_t bytes) {
  static const std::vector<std::byte> kRequest(kLong);
  const auto began = steady_clock::now();
  const auto answer = socket.call(server, std::span(kRequest).first(bytes), kPatience);
  if (!answer) return Unexpected(answer.error());
  return std::chrono::duration<double, std::micro>(steady_clock::now() - began).count();
}

// Long requests until `stop`; they ask for short responses of a server that answers with what it
// got, so the rate is that of one direction.
class Senders {
 public:
  Senders(Host& host, const SocketAddress& server) {
    for (int i = 0; i < kSenders; ++i) {
      auto socket = host.client();
      if (!socket) continue;
      threads_.emplace_back([this, server, own = std::move(socket).value()]() mutable {
        while (!stop_.load(std::memory_order_relaxed)) {
          if (call(own, server, kLong)) bytes_.fetch_add(kLong, std::memory_order_relaxed);
        }
      });
    }
  }
  ~Senders() {
    stop_.store(true, std::memory_order_relaxed);
    for (std::thread& thread : threads_) thread.join();
  }
  Senders(const Senders&) = delete;
  Senders& operator=(const Senders&) = delete;
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> bytes_{0};
  std::vector<std::thread> threads_;
};

}  // namespace

Result<PeerFacts, Error> measure_peer(const HostConfig& config, const SocketAddress& server,
                                      bool load) {
  auto host = Host::open(config);
  if (!host) return Unexpected(host.error());
  auto socket = host->client();
  if (!socket) return Unexpected(socket.error());
  PeerFacts facts;
  for (int i = 0; i < kIdleCalls; ++i) {
    const auto took = call(*socket, server, kShort);
    if (!took) return Unexpected(took.error());
    if (i > 0) facts.idle.push_back(*took);  // the first one also finds the way
  }
  if (load) {
    const Senders senders(*host, server);
    const auto began = steady_clock::now();
    while (steady_clock::now() - began < kLoadFor) {
      if (const auto took = call(*socket, server, kShort)) facts.loaded.push_back(*took);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const std::chrono::duration<double> seconds = steady_clock::now() - began;
    facts.sent_bits_per_second = static_cast<double>(senders.bytes()) * 8 / seconds.count();
  }
  std::sort(facts.idle.begin(), facts.idle.end());
  std::sort(facts.loaded.begin(), facts.loaded.end());
  return facts;
}

Finding check_answers(const PeerFacts& facts) {
  constexpr const char* kName = "round trip";
  const double median = percentile(facts.idle, 0.5), late = percentile(facts.idle, 0.9);
  std::string what = fmt::format("P50 {}, P90 {}", format_time(median), format_time(late));
  if (late < 5 * median + 100) return good(kName, std::move(what));
  return {kName, Verdict::kNote, std::move(what),
          "on an idle network short calls take about the same time; something stops one of the "
          "hosts from time to time",
          "look at the checks of both machines (clock source, idle states, control group), and at "
          "what else runs there"};
}

Finding check_measured_rate(const PeerFacts& facts, std::uint64_t link) {
  constexpr const char* kName = "measured rate";
  std::string what = fmt::format(
      "{} of requests", format_rate(static_cast<std::uint64_t>(facts.sent_bits_per_second)));
  if (link == 0) return good(kName, what + "; the link's rate is not known");
  const double share = facts.sent_bits_per_second / static_cast<double>(link);
  what += fmt::format(", {:.0f} % of the link's {}", 100 * share, format_rate(link));
  if (share > 1.05) {
    return {kName, Verdict::kProblem, std::move(what),
            "the link is faster than pacing believes, so that a part of it stays unused",
            "--set link_bits_per_second=RATE, or correct what the device reports"};
  }
  return good(kName, std::move(what));
}

Finding check_queues(const PeerFacts& facts, std::uint64_t link) {
  constexpr const char* kName = "queues under load";
  const double idle = percentile(facts.idle, 0.5), loaded = percentile(facts.loaded, 0.9);
  const double allowed =
      link == 0
          ? kQueueMicroseconds
          : std::max(kQueueMicroseconds, 1e6 * static_cast<double>(kQueuePackets * kPacketBits) /
                                             static_cast<double>(link));
  std::string what = fmt::format("short calls: P50 {} idle, P90 {} beside long requests",
                                 format_time(idle), format_time(loaded));
  if (facts.loaded.empty()) {
    return {kName, Verdict::kProblem, "no short call was answered under load",
            "short messages do not get through", "look at `homa errors` and `homa stat` there"};
  }
  if (loaded - idle <= allowed) return good(kName, std::move(what));
  return {kName, Verdict::kProblem, std::move(what),
          "short messages wait in a queue behind long ones: the link is slower than pacing "
          "believes, or switches have no priority queues, or a processor has too much to do",
          "check \"link rate\" and \"priorities\" here; --set link_bits_per_second=RATE"};
}

}  // namespace homa::tools
