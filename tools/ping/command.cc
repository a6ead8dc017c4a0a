#include "tools/ping/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "homa/host.h"
#include "tools/options/host_options.h"
#include "tools/process/process.h"
#include "tools/text/units.h"

namespace homa::tools {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono_literals::operator""ms;

struct Settings {
  HostOptions host;
  std::string server;
  std::uint64_t count = 0;  // 0: until Ctrl-C
  double interval_s = 1;
  double timeout_s = 1;
  std::uint32_t size = 100;
  std::uint64_t warm_up = 0;
  bool quiet = false;
  bool json = false;
};

struct Outcomes {
  std::uint64_t sent = 0;
  std::vector<double> microseconds;             // of those that were answered
  std::map<std::string, std::uint64_t> errors;  // how often, by cause
};

double percentile(const std::vector<double>& sorted, double share) {
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(at, sorted.size() - 1)];
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

nlohmann::ordered_json to_json(const Outcomes& outcomes, const Settings& settings) {
  nlohmann::ordered_json object = {{"server", settings.server},
                                   {"bytes", settings.size},
                                   {"sent", outcomes.sent},
                                   {"answered", outcomes.microseconds.size()}};
  const std::vector<double>& sorted = outcomes.microseconds;
  if (!sorted.empty()) {
    object["min_us"] = sorted.front();
    object["mean_us"] = mean(sorted);
    object["p50_us"] = percentile(sorted, 0.5);
    object["p99_us"] = percentile(sorted, 0.99);
    object["max_us"] = sorted.back();
  }
  object["errors"] = nlohmann::ordered_json::object();
  for (const auto& [cause, times] : outcomes.errors) object["errors"][cause] = times;
  return object;
}

void summarize(Outcomes& outcomes, const Settings& settings) {
  std::sort(outcomes.microseconds.begin(), outcomes.microseconds.end());
  if (settings.json) {
    fmt::print("{}\n", to_json(outcomes, settings).dump());
    return;
  }
  const std::vector<double>& sorted = outcomes.microseconds;
  fmt::print("--- {}: {} requests of {} bytes, {} answered\n", settings.server, outcomes.sent,
             settings.size, sorted.size());
  for (const auto& [cause, times] : outcomes.errors) fmt::print("{} times: {}\n", times, cause);
  if (sorted.empty()) return;
  fmt::print("min {:.1f} us, avg {:.1f}, p50 {:.1f}, p99 {:.1f}, max {:.1f}\n", sorted.front(),
             mean(sorted), percentile(sorted, 0.5), percentile(sorted, 0.99), sorted.back());
}

// One request; prints what came of it, unless it is told to be quiet.
void ping_once(Socket& socket, const SocketAddress& server, const Settings& settings,
               Outcomes& outcomes) {
  const std::vector<std::byte> request(settings.size, std::byte{'p'});
  const auto timeout =
      std::chrono::nanoseconds(static_cast<std::int64_t>(settings.timeout_s * 1e9));
  const auto start = Clock::now();
  const auto response = socket.call(server, request, timeout);
  const std::chrono::duration<double, std::micro> took = Clock::now() - start;
  const std::uint64_t number = ++outcomes.sent;
  if (!response) ++outcomes.errors[response.error().text];
  if (response) outcomes.microseconds.push_back(took.count());
  if (settings.quiet || settings.json) return;
  if (response) {
    fmt::print("{} bytes from {}: seq={} time={:.1f} us\n", response->size(),
               response->peer().to_string(), number, took.count());
  } else {
    fmt::print("seq={}: {}\n", number, response.error().text);
  }
  std::fflush(stdout);
}

void pause_until(Clock::time_point until) {
  while (!StopGuard::stop_requested() && Clock::now() < until) {
    std::this_thread::sleep_for(std::min<Clock::duration>(50ms, until - Clock::now()));
  }
}

int ping(const Settings& settings) {
  const auto server = SocketAddress::parse(settings.server);
  if (!server) {
    fmt::print(stderr, "homa ping: {}\n", server.error().text);
    return kUsage;
  }
  auto host = Host::open(settings.host.host_config());
  if (!host) {
    fmt::print(stderr, "homa ping: {}\n", host.error().text);
    return host.error().code == ErrorCode::kNotPermitted ? kUnavailable : kFailure;
  }
  auto socket = host->client();
  if (!socket) {
    fmt::print(stderr, "homa ping: {}\n", socket.error().text);
    return kFailure;
  }
  const StopGuard guard;
  Settings silent = settings;
  silent.quiet = true;
  Outcomes unmeasured;
  for (std::uint64_t i = 0; i < settings.warm_up && !StopGuard::stop_requested(); ++i) {
    ping_once(*socket, *server, silent, unmeasured);
  }
  Outcomes outcomes;
  const auto interval =
      std::chrono::nanoseconds(static_cast<std::int64_t>(settings.interval_s * 1e9));
  auto next = Clock::now();
  while (!StopGuard::stop_requested()) {
    ping_once(*socket, *server, settings, outcomes);
    if (settings.count != 0 && outcomes.sent >= settings.count) break;
    next = std::max(next + interval, Clock::now());
    if (interval.count() > 0) pause_until(next);
  }
  summarize(outcomes, settings);
  return outcomes.errors.empty() && !outcomes.microseconds.empty() ? kSuccess : kFailure;
}

}  // namespace

void add_ping_command(CLI::App& app, Run& run) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = app.add_subcommand("ping", "measure round trips to a `homa serve`");
  command->footer(
      "  homa ping 10.0.0.2:4000\n"
      "  homa ping 10.0.0.2:4000 --polled --size 1000 --count 10000 --interval 0 --quiet");
  command->add_option("server", settings->server, "HOST:PORT, or HOST%UDPPORT:PORT")->required();
  command->add_option("--count,-c", settings->count, "requests to send; 0: until Ctrl-C")
      ->capture_default_str();
  command->add_option("--interval,-i", settings->interval_s, "seconds between them; 0: none")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command->add_option("--size,-s", settings->size, "bytes of each request")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
  command->add_option("--timeout,-W", settings->timeout_s, "seconds to wait for a response")
      ->check(CLI::Range(0.001, 3600.0))
      ->capture_default_str();
  command->add_option("--warm-up", settings->warm_up, "requests before those that count")
      ->capture_default_str();
  command->add_flag("--quiet,-q", settings->quiet, "print the summary only");
  command->add_flag("--json", settings->json, "print the summary as JSON only");
  settings->host.use_any_udp_port();
  settings->host.add_to(*command);
  command->callback([settings, &run] { run = [settings] { return ping(*settings); }; });
}

}  // namespace homa::tools
