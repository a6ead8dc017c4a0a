#include "tools/bench/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include "tools/options/command.h"
#include "tools/text/units.h"

namespace homa::tools {
namespace {

// Several benchmarks on one machine's loopback must not meet.
std::uint16_t private_port() { return static_cast<std::uint16_t>(10'000 + ::getpid() % 20'000); }

std::string loopback_address(int host) { return fmt::format("127.0.0.{}", host); }

}  // namespace

Result<BenchSession, Error> BenchSession::open(const BenchPlace& place, const HostConfig& homa) {
  BenchSession session;
  session.setup_.homa = homa;
  session.rate_ = place.lab.rate;
  if (place.server) {
    session.setup_.hosts.resize(static_cast<std::size_t>(place.lab.hosts));
    session.setup_.server = place.server;
    session.description_ =
        fmt::format("{} client(s) of the server {}, load reckoned for {}", place.lab.hosts,
                    place.server->address.to_string(), format_rate(place.lab.rate));
  } else if (place.loopback) {
    for (int host = 1; host <= place.lab.hosts; ++host) {
      session.setup_.hosts.push_back({"", loopback_address(host)});
    }
    session.setup_.tcp_port = private_port();
    session.setup_.homa.udp_port = private_port();
    session.description_ =
        fmt::format("{} hosts on loopback, load reckoned for {}; no switch, no shared links",
                    place.lab.hosts, format_rate(place.lab.rate));
  } else {
    (void)remove_stale_labs();
    auto lab = place.existing_lab.empty() ? lab_up(place.lab) : find_lab(place.existing_lab);
    if (!lab) return Unexpected(lab.error());
    if (place.existing_lab.empty()) session.lab_ = std::make_unique<ScopedLab>(*lab);
    const LabConfig& config = lab->config();
    session.rate_ = config.rate != 0 ? config.rate : place.lab.rate;
    session.setup_.lab = config.name;
    session.setup_.network_cpu = config.network_cpu;
    for (int host = 1; host <= config.hosts; ++host) {
      session.setup_.hosts.push_back({lab->host_namespace(host), Lab::host_address(host)});
    }
    if (config.direct) {
      session.description_ = "two hosts joined by a veth pair";
      return session;
    }
    session.description_ = fmt::format(
        "lab of {} hosts at {}, {} {} of buffer per switch port and priority", config.hosts,
        format_rate(config.rate), config.buffer, config.buffer_in_bytes ? "bytes" : "packets");
  }
  return session;
}

void BenchSession::set_service(const ServiceTime& time, int threads) {
  setup_.service_time = time;
  setup_.server_threads = threads;
}

Result<UnloadedCurve, Error> BenchSession::unloaded(const BenchProtocol& protocol,
                                                    const BenchLoad& load) {
  BenchProtocol single = protocol;
  single.connections = 1;
  const std::string key =
      fmt::format("{} {} {}", single.name(), load.workload.name(), load.response_bytes);
  const auto known = unloaded_.find(key);
  if (known != unloaded_.end()) return known->second;
  UnloadedPlan plan;
  plan.sizes = unloaded_sizes(load.workload);
  plan.response_bytes = load.response_bytes;
  // On an idle network processors sleep; right behind another RPC they still poll, or no longer, by
  // a microsecond more or less: of two such baselines one would be six times the other.
  plan.rest = std::chrono::milliseconds(1);
  BenchSetup prompt = setup_;
  prompt.server_threads = 0;
  const auto run = run_bench(prompt, single, plan, [](const BenchProgress&) {});
  if (!run) return Unexpected(run.error());
  if (run->corrupt > 0 || run->samples.empty()) {
    return Unexpected(
        Error{ErrorCode::kSystem, "the idle network's RPCs failed over " + single.name()});
  }
  return unloaded_[key] = UnloadedCurve(run->samples);
}

Result<BenchResult, Error> BenchSession::run(const BenchProtocol& protocol, const BenchLoad& load,
                                             const OnProgress& on_progress) {
  const auto own = unloaded(protocol, load);
  if (!own) return Unexpected(own.error());
  const auto homa = unloaded(BenchProtocol{}, load);
  if (!homa) return Unexpected(homa.error());
  auto run = run_bench(setup_, protocol, load, on_progress);
  if (!run) return Unexpected(run.error());
  if (run->gave_network_cpu) setup_.network_cpu = -1;
  BenchResult result{protocol, load, std::move(*run), {}, {}, {}};
  result.short_p99 =
      p99_spread(result.run.samples, result.run.host_ends, load.workload.median_bytes());
  if (setup_.server_threads > 0) {
    result.service = fmt::format(
        "{} in {} threads per host; slow: against the idle network and "
        "the mean service time",
        setup_.service_time.text(), setup_.server_threads);
  }
  const double service_us =
      std::chrono::duration<double, std::micro>(setup_.service_time.mean()).count();
  result.figures =
      figures(result.run.samples, load.workload, homa->plus(service_us), own->plus(service_us));
  return result;
}

int report_bench_error(const std::string& command, const Error& error) {
  clear_progress();
  return report_error(command, error);
}

}  // namespace homa::tools
