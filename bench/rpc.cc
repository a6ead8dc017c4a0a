// bench_rpc: what a call of homa::rpc costs beside a bare message of as many bytes. Two hosts over
// loopback, one client thread, one server thread, one call at a time; rounds of both by turns, so
// that whatever else the machine does meets both.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "homa/host.h"
#include "homa/rpc/channel.h"
#include "homa/rpc/server.h"
#include "report.h"
#include "rpc.homa.h"

namespace homa::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint16_t kBarePort = 100, kRpcPort = 101;

struct Options {
  std::size_t bytes = 100;
  std::uint32_t calls = 2'000;  // in a round
  std::uint32_t rounds = 20;
};

class EchoService : public Echo::Service {
  rpc::Status Say(rpc::ServerContext& /*context*/, const Text& request, Text* response) override {
    response->set_content(request.content());
    return {};
  }
};

Result<Host, Error> open_host() {
  HostConfig config;
  config.engine = EngineChoice::kOwn;
  config.address = "127.0.0.1";
  config.udp_port = 0;
  return Host::open(config);
}

bool bare_round(Socket& client, const SocketAddress& server, const Options& options) {
  const std::vector<std::byte> request(options.bytes);
  for (std::uint32_t i = 0; i < options.calls; ++i) {
    if (!client.call(server, request)) return false;
  }
  return true;
}

bool rpc_round(Echo::Stub& stub, const Options& options) {
  Text request, response;
  request.set_content(std::string(options.bytes, 'x'));
  for (std::uint32_t i = 0; i < options.calls; ++i) {
    rpc::ClientContext context;
    if (!stub.Say(context, request, &response).ok()) return false;
  }
  return true;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

template <typename Round>
bool time_round(const Options& options, std::vector<double>& nanoseconds, Round round) {
  const auto start = Clock::now();
  if (!round()) return false;
  const std::chrono::duration<double, std::nano> took = Clock::now() - start;
  nanoseconds.push_back(took.count() / options.calls);
  return true;
}

bool compare(Host& client_host, Host& server_host, const Options& options) {
  auto bare_server = server_host.serve(kBarePort);
  auto client = client_host.client();
  auto rpc_server = rpc::Server::open(server_host, kRpcPort, {.threads = 1});
  EchoService echo;
  if (!bare_server || !client || !rpc_server || !rpc_server->add(echo) || !rpc_server->start()) {
    return false;
  }
  auto channel = rpc::Channel::open(client_host, rpc_server->address().to_string());
  if (!channel) return false;
  Echo::Stub stub(*channel);
  std::thread answers([&] {
    while (const auto request = bare_server->receive()) {
      static_cast<void>(bare_server->reply(request->rpc(), request->bytes()).has_value());
    }
  });
  const SocketAddress bare{server_host.address(), kBarePort};
  std::vector<double> bare_ns, rpc_ns;
  bool good = bare_round(*client, bare, options) && rpc_round(stub, options);
  for (std::uint32_t i = 0; good && i < options.rounds; ++i) {
    good = time_round(options, bare_ns, [&] { return bare_round(*client, bare, options); }) &&
           time_round(options, rpc_ns, [&] { return rpc_round(stub, options); });
  }
  bare_server->shutdown();
  answers.join();
  if (!good) return false;
  const double bare_median = median(bare_ns), rpc_median = median(rpc_ns);
  report("rpc.call", {{"bytes", options.bytes}, {"calls", options.calls * options.rounds}},
         {{"bare_ns", bare_median},
          {"rpc_ns", rpc_median},
          {"dearer_ns", rpc_median - bare_median},
          {"dearer_percent", 100 * (rpc_median / bare_median - 1)}});
  return true;
}

int main(int argc, char** argv) {
  Options options;
  CLI::App app("homa::rpc beside bare messages, one call at a time over loopback");
  app.add_option("--bytes", options.bytes, "content of request and response");
  app.add_option("--calls", options.calls, "in a round")->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "of each")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  auto client_host = open_host();
  auto server_host = open_host();
  return client_host && server_host && compare(*client_host, *server_host, options) ? 0 : 1;
}

}  // namespace
}  // namespace homa::bench

int main(int argc, char** argv) { return homa::bench::main(argc, argv); }
