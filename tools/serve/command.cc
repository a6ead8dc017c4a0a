#include "tools/serve/command.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "homa/host.h"
#include "tools/options/host_options.h"
#include "tools/process/process.h"

namespace homa::tools {
namespace {

using std::chrono_literals::operator""ms;

// `homa ping` without a port asks here.
constexpr std::uint16_t kDefaultPort = 4000;

struct Settings {
  HostOptions host;
  std::uint16_t port = kDefaultPort;
  std::optional<std::uint32_t> response_bytes;  // none: echo
  int threads = 1;
  bool json = false;
};

struct Totals {
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> bytes{0};
};

// Until the socket is shut down; false: something else went wrong.
bool answer(Socket& socket, const Settings& settings, Totals& totals) {
  const std::vector<std::byte> canned(settings.response_bytes.value_or(0), std::byte{'h'});
  for (;;) {
    const auto request = socket.receive();
    if (!request) return request.error().code == ErrorCode::kClosed;
    if (!request->is_request()) continue;
    ++totals.requests;
    totals.bytes += request->size();
    const auto response =
        settings.response_bytes ? std::span<const std::byte>(canned) : request->bytes();
    const auto replied = socket.reply(request->rpc(), response);
    if (!replied && replied.error().code != ErrorCode::kNoSuchRpc) {
      fmt::print(stderr, "homa serve: {}\n", replied.error().text);
    }
  }
}

void announce(const Settings& settings, const Host& host) {
  const SocketAddress address{host.address(), settings.port};
  if (settings.json) {
    const nlohmann::ordered_json line = {
        {"event", "ready"}, {"address", address.to_string()}, {"host", host.description()}};
    fmt::print("{}\n", line.dump());
  } else {
    fmt::print("serving {} ({})\n", address.to_string(), host.description());
  }
  std::fflush(stdout);
}

void summarize(const Settings& settings, const Totals& totals) {
  if (settings.json) {
    const nlohmann::ordered_json line = {{"event", "end"},
                                         {"requests", totals.requests.load()},
                                         {"request_bytes", totals.bytes.load()}};
    fmt::print("{}\n", line.dump());
  } else {
    fmt::print("{} requests, {} bytes\n", totals.requests.load(), totals.bytes.load());
  }
}

int serve(const Settings& settings) {
  auto host = Host::open(settings.host.host_config());
  if (!host) {
    fmt::print(stderr, "homa serve: {}\n", host.error().text);
    return host.error().code == ErrorCode::kNotPermitted ? kUnavailable : kFailure;
  }
  auto socket = host->serve(settings.port);
  if (!socket) {
    fmt::print(stderr, "homa serve: {}\n", socket.error().text);
    return kFailure;
  }
  const StopGuard guard;
  Totals totals;
  std::atomic<bool> good{true};
  std::vector<std::thread> workers;
  for (int i = 0; i < settings.threads; ++i) {
    workers.emplace_back([&] {
      if (!answer(*socket, settings, totals)) good = false;
    });
  }
  announce(settings, *host);
  while (!StopGuard::stop_requested() && socket->is_open()) std::this_thread::sleep_for(50ms);
  socket->shutdown();
  for (std::thread& worker : workers) worker.join();
  summarize(settings, totals);
  return good ? kSuccess : kFailure;
}

}  // namespace

void add_serve_command(CLI::App& app, Run& run) {
  const auto settings = std::make_shared<Settings>();
  CLI::App* command = app.add_subcommand("serve", "answer requests until Ctrl-C");
  command->footer(
      "  homa serve\n"
      "  homa serve --io raw 4001");
  command->add_option("port", settings->port, "Homa port, 1 to 32767")
      ->check(CLI::Range(1, 32767))
      ->capture_default_str();
  command->add_option("--response", settings->response_bytes,
                      "bytes of every response (default: the request comes back)");
  command->add_option("--threads", settings->threads, "threads that answer")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_flag("--json", settings->json, "one JSON object per line: when ready, at the end");
  settings->host.add_to(*command);
  command->callback([settings, &run] { run = [settings] { return serve(*settings); }; });
}

}  // namespace homa::tools
