#include "tools/ping/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "homa/host.h"
#include "tools/options/host_options.h"
#include "tools/options/message_content.h"
#include "tools/options/quantity_option.h"
#include "tools/options/server_address.h"
#include "tools/ping/outcomes.h"
#include "tools/process/process.h"

namespace homa::tools {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono_literals::operator""ms;

constexpr const char* kName = "homa ping";
constexpr auto kStopCheck = 50ms;  // how soon Ctrl-C is noticed

struct Settings {
  HostOptions host;
  std::string server;
  std::uint64_t count = 0;  // 0: until Ctrl-C
  Duration interval = std::chrono::seconds(1);
  Duration timeout = std::chrono::seconds(1);
  std::uint32_t size = 100;
  MessageContent content;
  std::uint64_t warm_up = 0;
  bool quiet = false;
  bool json = false;

  bool prints_each() const { return !quiet && !json; }
};

// While it exists, Ctrl-C ends what waits in `socket`.
class Interruption {
 public:
  explicit Interruption(Socket& socket)
      : watcher_([&socket](const std::stop_token& over) {
          std::mutex mutex;
          std::condition_variable_any never;  // notified; a request to stop ends the wait
          std::unique_lock lock(mutex);
          while (!over.stop_requested() && !StopGuard::stop_requested()) {
            never.wait_for(lock, over, kStopCheck, [] { return false; });
          }
          if (StopGuard::stop_requested()) socket.shutdown();
        }) {}

 private:
  std::jthread watcher_;
};

// One request; prints what came of it, unless it is told to be quiet.
void ping_once(Socket& socket, const SocketAddress& server, const Settings& settings, bool print,
               PingOutcomes& outcomes) {
  const std::vector<std::byte> request = settings.content.message(settings.size);
  const auto start = Clock::now();
  const auto response = socket.call(server, request, settings.timeout);
  const Duration took = Clock::now() - start;
  // Interrupted: it neither failed nor was it answered.
  if (!response && StopGuard::stop_requested()) return;
  if (response) outcomes.answered(took);
  if (!response) outcomes.failed(response.error().text);
  if (!print) return;
  if (response) {
    fmt::print("{} bytes from {}: seq={} time={:.1f} us\n", response->size(),
               response->peer().to_string(), outcomes.sent(),
               std::chrono::duration<double, std::micro>(took).count());
  } else {
    fmt::print("seq={}: {}\n", outcomes.sent(), response.error().text);
  }
  std::fflush(stdout);
}

void pause_until(Clock::time_point until) {
  while (!StopGuard::stop_requested() && Clock::now() < until) {
    std::this_thread::sleep_for(std::min<Clock::duration>(kStopCheck, until - Clock::now()));
  }
}

int ping(const Settings& settings) {
  const auto server = parse_server(settings.server);
  if (!server) return report_error(kName, server.error());
  const StopGuard guard;
  auto host = Host::open(settings.host.host_config());
  if (!host) return report_error(kName, host.error());
  auto socket = host->client();
  if (!socket) return report_error(kName, socket.error());
  const Interruption interruption(*socket);
  PingOutcomes unmeasured, outcomes;
  for (std::uint64_t i = 0; i < settings.warm_up && !StopGuard::stop_requested(); ++i) {
    ping_once(*socket, *server, settings, false, unmeasured);
  }
  auto next = Clock::now();
  while (!StopGuard::stop_requested()) {
    ping_once(*socket, *server, settings, settings.prints_each(), outcomes);
    if (settings.count != 0 && outcomes.sent() >= settings.count) break;
    next = std::max(next + settings.interval, Clock::now());
    if (settings.interval.count() > 0) pause_until(next);
  }
  if (settings.json) {
    fmt::print("{}\n", outcomes.to_json(settings.server, settings.size).dump());
  } else {
    fmt::print("{}", outcomes.to_text(settings.server, settings.size));
  }
  return outcomes.all_answered() ? kSuccess : kFailure;
}

}  // namespace

void add_ping_command(CLI::App& app, Run& run) {
  const auto settings = std::make_shared<Settings>();
  using std::chrono_literals::operator""h;
  CLI::App* command = app.add_subcommand(
      "ping", "Measure round trips to a server: a `homa serve`, or any that answers");
  command
      ->add_option("server", settings->server,
                   fmt::format("HOST[:PORT] or HOST%UDPPORT[:PORT]; port {} unless given",
                               kDefaultServerPort))
      ->required();
  add_whole(*command, "--count,-c", settings->count, Quantity::kCount, {},
            "requests to send; 0: until Ctrl-C");
  add_duration(*command, "--interval,-i", settings->interval, {Duration(0), 1h},
               "between requests; a bare number is seconds; 0: none");
  add_whole(*command, "--size,-s", settings->size, Quantity::kBytes, {1, 1 << 30},
            "of each request");
  settings->content.add_to(*command);
  add_duration(*command, "--timeout,-W", settings->timeout, {1ms, 1h},
               "to wait for a response; a bare number is seconds");
  add_whole(*command, "--warm-up", settings->warm_up, Quantity::kCount, {},
            "requests before those that count");
  command->add_flag("--quiet,-q", settings->quiet, "print the summary only");
  command->add_flag("--json", settings->json, "print the summary as JSON only");
  command->footer(
      "  homa ping 10.0.0.2\n"
      "  homa ping 10.0.0.2:4000 --size 1000 --count 10000 --interval 0 --quiet\n"
      "Exit codes: 0 all were answered, 1 not all, 2 wrong command line, 3 not possible here.");
  settings->host.use_any_udp_port();
  settings->host.add_to(*command);
  command->callback([settings, &run] { run = [settings] { return ping(*settings); }; });
}

}  // namespace homa::tools
