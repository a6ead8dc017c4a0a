#include "tools/bench/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/quantity.h"
#include "tools/bench/latency.h"
#include "tools/bench/session.h"
#include "tools/options/host_options.h"
#include "tools/options/quantity_option.h"
#include "tools/options/server_address.h"
#include "tools/process/process.h"

namespace homa::tools {
namespace {

using Json = nlohmann::json;

struct Options {
  std::string protocols = "homa";
  std::vector<int> connections = {1};
  std::string workload = "w4";
  double load = 0.5;
  std::string response = "same";
  std::string buffer = "200";
  std::uint64_t rate = 200'000'000;
  Duration duration = std::chrono::seconds(10);
  Duration warm_up = std::chrono::seconds(2), drain = std::chrono::seconds(10);
  std::uint32_t hosts = 4;
  std::uint32_t concurrency = 0;
  std::uint64_t rpcs = 0;
  ServiceTime service_time;
  std::uint32_t server_threads = 0;
  std::string server;
  std::uint32_t clients = 1;
  MessageContent content;
  std::uint64_t seed = 1;
  std::uint32_t message_bytes_max = 1'000'000;
  std::string lab;
  bool loopback = false;
  bool threaded = false;
  bool unloaded = false;
  bool spin = false;
  bool switched = false;
  std::string json;
  HostOptions host;
};

Error usage(std::string text) { return {ErrorCode::kInvalidArgument, std::move(text)}; }

Result<std::vector<BenchProtocol>, Error> protocols_of(const Options& options) {
  std::vector<BenchProtocol> protocols;
  for (const std::string& name : CLI::detail::split(options.protocols, ',')) {
    if (name == "homa") {
      protocols.push_back({});
      continue;
    }
    if (name == "udp-echo" || name == "tcp-echo") {
      if (!options.unloaded) {
        return Unexpected(usage(name + " carries no RPCs: it is for --unloaded"));
      }
      protocols.push_back(
          {name == "udp-echo" ? BenchProtocol::Kind::kUdpEcho : BenchProtocol::Kind::kTcpEcho, "",
           1});
      continue;
    }
    const bool is_grpc = name == "grpc";
    if (!is_grpc && name != "tcp" && !name.starts_with("tcp-")) {
      return Unexpected(usage("no such protocol: '" + name +
                              "'; homa, grpc, tcp or tcp-NAME, where NAME "
                              "is a congestion control of this kernel"));
    }
    for (const int connections : options.connections) {
      if (is_grpc) {
        protocols.push_back({BenchProtocol::Kind::kGrpc, "", connections});
      } else {
        protocols.push_back(
            {BenchProtocol::Kind::kTcp, name == "tcp" ? "cubic" : name.substr(4), connections});
      }
    }
  }
  return protocols;
}

Result<BenchLoad, Error> load_of(const Options& options) {
  BenchLoad load;
  const auto workload = sim::WorkloadDistribution::named(options.workload);
  if (!workload) return Unexpected(workload.error());
  load.workload = workload->cut_off(options.message_bytes_max);
  if (options.response != "same") {
    const auto bytes = base::parse_bytes(options.response);
    if (!bytes || *bytes == 0 || *bytes > options.message_bytes_max) {
      return Unexpected(usage("--response is 'same' or a number of bytes, at most " +
                              std::to_string(options.message_bytes_max)));
    }
    load.response_bytes = static_cast<std::uint32_t>(*bytes);
  }
  load.duration = options.duration;
  load.warm_up = options.rpcs > 0 ? Nanoseconds::zero() : options.warm_up;
  load.drain = options.drain;
  load.load = options.load;
  load.rate = options.rate;
  load.concurrency = static_cast<int>(options.concurrency);
  load.one_server = !options.server.empty();
  load.rpcs = options.rpcs;
  load.seed = options.seed;
  return load;
}

// Handlers that take time get threads, unless their number was given.
int threads_of(const Options& options) {
  constexpr int kThreads = 16;
  if (options.server_threads > 0) return static_cast<int>(options.server_threads);
  return options.service_time.is_none() ? 0 : kThreads;
}

Result<BenchPlace, Error> place_of(const Options& options) {
  BenchPlace place;
  place.loopback = options.loopback;
  place.existing_lab = options.lab;
  const auto buffer = base::parse_bytes(options.buffer);
  if (!buffer) {
    return Unexpected(usage("--buffer: \"" + options.buffer +
                            "\" is neither packets nor bytes with a unit, such as 200 or 64kb"));
  }
  if (options.rate == 0 && options.concurrency == 0) {
    return Unexpected(usage("without a rate there is no share of it: use --concurrency"));
  }
  place.lab.name = fmt::format("bench-{}", ::getpid());
  place.lab.hosts = static_cast<int>(options.hosts);
  place.lab.rate = options.rate;
  place.lab.buffer = *buffer;
  place.lab.buffer_in_bytes = options.buffer.find_first_not_of("0123456789") != std::string::npos;
  place.lab.owner = ::getpid();
  // An idle network is a bare veth pair unless a switch is asked for.
  place.lab.direct = options.unloaded && !options.switched;
  if (place.lab.direct) place.lab.hosts = 2;
  if (options.server.empty()) return place;
  const auto server = parse_server(options.server);
  if (!server) return Unexpected(server.error());
  place.server = BenchServer{*server, options.content};
  place.lab.hosts = static_cast<int>(options.clients);
  return place;
}

// What cannot be asked for together.
Result<void, Error> check(const Options& options, const std::vector<BenchProtocol>& protocols,
                          const BenchLoad& load) {
  if (!options.server.empty()) {
    for (const BenchProtocol& protocol : protocols) {
      if (!protocol.is_homa())
        return Unexpected(usage("--server is a Homa server: no other protocol"));
    }
    if (!options.service_time.is_none() || options.server_threads > 0) {
      return Unexpected(
          usage("--service-time and --server-threads are of the benchmark's own "
                "servers; `homa serve` has them, too"));
    }
  }
  if (options.unloaded && !options.service_time.is_none()) {
    return Unexpected(usage("--unloaded measures the network: leave --service-time away"));
  }
  const double busy = load.rpcs_per_second(static_cast<int>(options.hosts)) *
                      std::chrono::duration<double>(options.service_time.mean()).count();
  if (options.concurrency == 0 && busy > threads_of(options)) {
    return Unexpected(usage(fmt::format(
        "requests come faster than they are served: {:.0f} server threads of each host would be "
        "busy at this load, and there are {}; use more --server-threads or less load",
        std::ceil(busy), threads_of(options))));
  }
  return {};
}

HostConfig homa_config(const Options& options) {
  HostConfig config = options.host.host_config();
  config.parameters.try_emplace("message_bytes_max", std::to_string(options.message_bytes_max));
  if (options.threaded) {
    config.run_in_callers = false;
    return config;
  }
  // Hosts share processors, so they sleep when they have nothing to do, unless they are to spin.
  const Duration poll = options.spin ? Duration(std::chrono::seconds(1)) : Duration(0);
  config.poll =
      std::chrono::duration_cast<std::chrono::microseconds>(options.host.poll().value_or(poll));
  return config;
}

int write_json(const std::string& file, const Json& json) {
  if (file == "-") {
    fmt::print("{}\n", json.dump(2));
    return kSuccess;
  }
  std::ofstream out(file);
  out << json.dump(2) << '\n';
  if (out.flush()) return kSuccess;
  fmt::print(stderr, "homa bench: cannot write {}\n", file);
  return kFailure;
}

int run_all(const Options& options, const std::vector<BenchProtocol>& protocols, BenchLoad load,
            BenchSession& session) {
  load.rate = session.rate();
  const bool quiet = options.json == "-";
  if (!quiet) fmt::print("{}\n", session.description());
  std::fflush(stdout);
  Json results = Json::array();
  bool clean = true;
  for (const BenchProtocol& protocol : protocols) {
    const std::string what = fmt::format("{} {}", protocol.name(), load.workload.name());
    auto result = session.run(
        protocol, load, [&what](const BenchProgress& progress) { show_progress(what, progress); });
    if (!result) return report_bench_error("homa bench", result.error());
    clear_progress();
    if (!quiet) fmt::print("{}", to_table(*result, session.hosts()));
    std::fflush(stdout);
    results.push_back(to_json(*result, session.hosts()));
    clean = clean && result->run.corrupt == 0 && result->run.rpcs_failed == 0;
  }
  const Json all = {{"place", session.description()},
                    {"hosts", session.hosts()},
                    {"rate_bits_per_second", session.rate()},
                    {"message_bytes_max", options.message_bytes_max},
                    {"results", results}};
  if (!options.json.empty() && write_json(options.json, all) != kSuccess) return kFailure;
  return clean ? kSuccess : kFailure;
}

int latency(const Options& options, const std::vector<BenchProtocol>& protocols,
            const BenchLoad& load, BenchSession& session) {
  session.set_spin(options.spin);
  LatencyPlan plan;
  plan.protocols = protocols;
  plan.sizes.sizes = unloaded_sizes(load.workload);
  plan.sizes.response_bytes = load.response_bytes;
  plan.sizes.repeats_max = 20'000;
  return run_latency(session, plan, options.json);
}

int bench(const Options& options) {
  const auto protocols = protocols_of(options);
  const auto load = load_of(options);
  const auto place = place_of(options);
  if (!protocols) return report_bench_error("homa bench", protocols.error());
  if (!load) return report_bench_error("homa bench", load.error());
  if (!place) return report_bench_error("homa bench", place.error());
  if (sim::WorkloadDistribution::named(options.workload)->largest_bytes() >
      options.message_bytes_max) {
    fmt::print(stderr, "{}: sizes above {} bytes are cut off, for every protocol alike\n",
               options.workload, options.message_bytes_max);
  }
  if (const auto possible = check(options, *protocols, *load); !possible) {
    return report_bench_error("homa bench", possible.error());
  }
  const StopGuard guard;
  auto session = BenchSession::open(*place, homa_config(options));
  if (!session) return report_bench_error("homa bench", session.error());
  session->set_message_bytes_max(options.message_bytes_max);
  session->set_service(options.service_time, threads_of(options));
  if (options.unloaded) return latency(options, *protocols, *load, *session);
  return run_all(options, *protocols, *load, *session);
}

void add_load_options(CLI::App& app, Options& options) {
  const auto load = [](CLI::Option* option) { return option->group("Load"); };
  load(app.add_option("--workload", options.workload, "w1..w5, or bytes for a fixed size"))
      ->capture_default_str();
  load(app.add_option("--load", options.load,
                      "share of the link's payload, requests and responses, in each direction"))
      ->check(CLI::Range(0.001, 2.0))
      ->capture_default_str();
  load(app.add_option("--response", options.response, "'same' as the request, or bytes"))
      ->capture_default_str();
  load(add_whole(app, "--concurrency", options.concurrency, Quantity::kCount, {1, 10'000},
                 "instead of --load: so many RPCs outstanding per host, always"))
      ->default_str("");
  load(add_whole(app, "--rpcs", options.rpcs, Quantity::kCount, {},
                 "stop after so many RPCs instead of a time"));
  load(add_duration(app, "--warm-up", options.warm_up, {}, "not measured"));
  load(add_duration(app, "--duration", options.duration, {Duration(1'000'000)}, "measured"));
  load(add_duration(app, "--drain", options.drain, {}, "wait for the last RPCs"));
  load(add_whole(app, "--seed", options.seed, Quantity::kCount, {},
                 "the same seed gives the same arrivals"));
  load(add_whole(app, "--message-limit", options.message_bytes_max, Quantity::kBytes, {1, 1 << 30},
                 "longer messages are cut off, for every protocol"));
  load(ServiceTime::add_to(app, options.service_time));
  load(add_whole(app, "--server-threads", options.server_threads, Quantity::kCount, {0, 4096},
                 "per host, that handlers run in, for every protocol"))
      ->default_str("16 with --service-time, otherwise 0: the load generator's own");
}

void add_place_options(CLI::App& app, Options& options) {
  const auto place = [](CLI::Option* option) { return option->group("Place"); };
  place(add_whole(app, "--hosts", options.hosts, Quantity::kCount, {2, 250},
                  "hosts of the lab that is made for the run"));
  place(add_whole(app, "--rate", options.rate, Quantity::kRate, {}, "rate of its links"))
      ->default_str("200mbit");
  place(app.add_option("--buffer", options.buffer,
                       "its switch buffer per port and priority: packets, or bytes with a unit"))
      ->capture_default_str();
  place(app.add_option("--lab", options.lab, "use this lab, which exists"))->envname("HOMA_LAB");
  place(app.add_flag("--loopback", options.loopback,
                     "no lab and no root: hosts are addresses 127.0.0.x"));
  place(app.add_option("--server", options.server,
                       "HOST[:PORT]: clients of this Homa server, whatever it is; the content of "
                       "responses is not checked, goodput takes --response for their length"));
  place(add_whole(app, "--clients", options.clients, Quantity::kCount, {1, 1000},
                  "with --server: processes with a host of their own each"));
  options.content.add_to(app);
}

}  // namespace

void add_bench_command(CLI::App& app, Run& run) {
  const auto options = std::make_shared<Options>();
  CLI::App* bench_app = app.add_subcommand(
      "bench", "RPC load from every host to every other, over Homa and TCP; see docs/operating.md");
  bench_app
      ->add_option("--protocol", options->protocols,
                   "homa, tcp (cubic), tcp-bbr, ..., grpc where it is built in (HOMA_BENCH_GRPC); "
                   "several with commas, run in turn")
      ->capture_default_str();
  bench_app
      ->add_option("--connections", options->connections,
                   "TCP connections or gRPC channels per pair; several: one run each")
      ->delimiter(',')
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  add_load_options(*bench_app, *options);
  add_place_options(*bench_app, *options);
  bench_app->add_flag("--unloaded", options->unloaded,
                      "no load: round trips one at a time, protocols in turn, and their ratios "
                      "to the first bare echo among them (udp-echo, tcp-echo)");
  bench_app->add_flag("--switched", options->switched,
                      "with --unloaded: in a lab with a switch, not over a bare veth pair");
  bench_app->add_flag("--spin", options->spin, "both sides spin: Homa's engine, and bare echoes");
  bench_app->add_option("--json", options->json, "write results to this file; -: standard output");
  bench_app->add_flag("--threaded", options->threaded,
                      "the engine in a thread of its own (default: in the load generator's)");
  options->host.add_to(*bench_app);
  bench_app->callback([&run, options] { run = [options] { return bench(*options); }; });
}

}  // namespace homa::tools
