#include "tools/serve/command.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <thread>
#include <vector>

#include "homa/host.h"
#include "tools/options/host_options.h"
#include "tools/options/message_content.h"
#include "tools/options/quantity_option.h"
#include "tools/options/server_address.h"
#include "tools/options/service_time.h"
#include "tools/process/process.h"

namespace homa::tools {
namespace {

using std::chrono_literals::operator""ms;

constexpr const char* kName = "homa serve";

struct Settings {
  HostOptions host;
  std::uint16_t port = kDefaultServerPort;
  std::uint32_t response_bytes = 0;  // 0: the request comes back
  MessageContent content;            // of responses that are not the request
  ServiceTime service_time;
  std::uint32_t threads = 1;
  bool json = false;
};

struct Totals {
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> bytes{0};
};

// Until the socket is shut down; false: something else went wrong.
bool answer(Socket& socket, const Settings& settings, std::uint64_t worker, Totals& totals) {
  const std::vector<std::byte> canned = settings.content.message(settings.response_bytes);
  ServiceTimer timer(settings.service_time, worker);
  for (;;) {
    const auto request = socket.receive();
    if (!request) return request.error().code == ErrorCode::kClosed;
    if (!request->is_request()) continue;
    ++totals.requests;
    totals.bytes += request->size();
    timer.work();
    const auto response =
        settings.response_bytes > 0 ? std::span<const std::byte>(canned) : request->bytes();
    const auto replied = socket.reply(request->rpc(), response);
    if (replied || replied.error().code == ErrorCode::kNoSuchRpc) continue;
    // Its client must not wait for an answer that will not come.
    (void)socket.abort(request->rpc(), ErrorCode::kOverloaded);
    fmt::print(stderr, "{}: {}\n", kName, replied.error().text);
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
  const StopGuard guard;
  auto host = Host::open(settings.host.host_config());
  if (!host) return report_error(kName, host.error());
  auto socket = host->serve(settings.port);
  if (!socket) return report_error(kName, socket.error());
  Totals totals;
  std::atomic<bool> good{true};
  std::vector<std::thread> workers;
  for (std::uint32_t i = 0; i < settings.threads; ++i) {
    workers.emplace_back([&, i] {
      if (!answer(*socket, settings, i, totals)) good = false;
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
  CLI::App* command = app.add_subcommand("serve", "Answer requests until Ctrl-C");
  command->footer(
      "  homa serve\n"
      "  homa serve --io raw 4001\n"
      "  homa serve --threads 16 --service-time exponential:1ms");
  add_whole(*command, "port", settings->port, Quantity::kCount, {1, 32'767}, "Homa port");
  add_whole(*command, "--response", settings->response_bytes, Quantity::kBytes, {0, 1 << 30},
            "of every response; 0: the request comes back");
  settings->content.add_to(*command);
  ServiceTime::add_to(*command, settings->service_time);
  add_whole(*command, "--threads", settings->threads, Quantity::kCount, {1, 256},
            "that receive requests and answer them");
  command->add_flag("--json", settings->json, "one JSON object per line: when ready, at the end");
  settings->host.add_to(*command);
  command->callback([settings, &run] { run = [settings] { return serve(*settings); }; });
}

}  // namespace homa::tools
