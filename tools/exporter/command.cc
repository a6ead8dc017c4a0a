#include "tools/exporter/command.h"

#include <fmt/format.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/failure.h"
#include "observe/engine_state.h"
#include "tools/exporter/metrics.h"
#include "tools/process/process.h"

namespace homa::tools {
namespace {

using std::chrono_literals::operator""ms;

constexpr const char* kName = "homa exporter";
constexpr const char* kListen = "127.0.0.1:9754";

// Reads the engines anew for each scrape.
class Engines : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    return metric_families(observe::read_states(trace::state_folder(), false));
  }
};

int serve(const std::string& listen) {
  const StopGuard guard;
  const auto engines = std::make_shared<Engines>();
  std::unique_ptr<prometheus::Exposer> exposer;
  try {
    exposer = std::make_unique<prometheus::Exposer>(listen);
    exposer->RegisterCollectable(engines);
  } catch (const std::exception& failed) {  // the library's way to say it
    return report_error(kName, {ErrorCode::kSystem, fmt::format("cannot listen at {}: {}; choose "
                                                                "another address by --listen",
                                                                listen, failed.what())});
  }
  fmt::print("http://{}/metrics\n", listen);
  std::fflush(stdout);
  while (!StopGuard::stop_requested()) std::this_thread::sleep_for(50ms);
  return kSuccess;
}

}  // namespace

void add_exporter_command(CLI::App& app, Run& run) {
  const auto listen = std::make_shared<std::string>(kListen);
  CLI::App* command = app.add_subcommand(
      "exporter", "Counters and latencies of this host's engines for Prometheus");
  command->add_option("--listen", *listen, "ADDRESS:PORT to answer at")->capture_default_str();
  command->footer(
      "  homa exporter\n"
      "  homa exporter --listen 0.0.0.0:9754\n"
      "/usr/share/homa/prometheus has a scrape configuration and alert rules, "
      "/usr/share/homa/grafana\n"
      "a dashboard. It reads what engines publish; they do not notice. Ctrl-C ends it.");
  command->callback([listen, &run] { run = [listen] { return serve(*listen); }; });
}

}  // namespace homa::tools
