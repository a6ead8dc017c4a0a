#include "tools/demo/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "homa_version.h"
#include "tools/bench/session.h"
#include "tools/bench/transport.h"
#include "tools/demo/comparison.h"
#include "tools/process/process.h"
#include "tools/text/units.h"

namespace homa::tools {
namespace {

struct Options {
  bool quick = false;
  std::string json = "build/demo/demo.json";
};

struct Step {
  std::size_t part = 0;
  BenchProtocol protocol;
  Nanoseconds duration{0}, warm_up{0};
};

struct Script {
  std::vector<DemoPart> parts;
  std::vector<Step> steps;
  std::vector<sim::WorkloadDistribution> workloads;  // by part
};

constexpr std::uint32_t kMessageBytesMax = 1'000'000;
constexpr Nanoseconds kDrain = std::chrono::seconds(10);
constexpr Nanoseconds kBetween = std::chrono::seconds(2);  // starting, ending, drawing breath

BenchProtocol tcp(const std::string& name, int connections) {
  return {BenchProtocol::Kind::kTcp, name, connections};
}

BenchProtocol grpc(int channels) { return {BenchProtocol::Kind::kGrpc, "", channels}; }

Script make_script(bool quick) {
  Script script;
  const std::vector<int> connections = quick ? std::vector{1, 8} : std::vector{1, 4, 8};
  for (const auto& [name, load] : {std::pair{"w4", 0.8}, std::pair{"w3", 0.5}}) {
    const std::size_t part = script.parts.size();
    script.parts.push_back({name, load, {}});
    // The names are ours, so they exist.
    script.workloads.push_back(sim::WorkloadDistribution::named(name)->cut_off(kMessageBytesMax));
    const auto seconds = std::chrono::seconds(quick ? (part == 0 ? 14 : 6) : 30);
    const auto warm_up = std::chrono::seconds(quick ? 2 : 5);
    script.steps.push_back({part, BenchProtocol{}, seconds, warm_up});
    for (const char* control : {"cubic", "bbr"}) {
      for (const int count : connections) {
        if (quick && part == 1 && count == 1) continue;
        script.steps.push_back({part, tcp(control, count), seconds, warm_up});
      }
    }
    if (!has_grpc()) continue;
    for (const int count : {1, 8}) {  // one channel, as everybody has, and as many as TCP's best
      if (quick && count != 1) continue;
      script.steps.push_back({part, grpc(count), seconds, warm_up});
    }
  }
  return script;
}

Nanoseconds time_of(const Step& step) { return step.warm_up + step.duration + kBetween; }

// Homa and TCP where there is a lab; where there is none, the same on loopback, and why.
Result<BenchSession, Error> open_place(std::string& note) {
  BenchPlace place;
  place.lab.name = fmt::format("demo-{}", ::getpid());
  place.lab.owner = ::getpid();
  // Generous: TCP loses next to nothing, whatever its congestion control does.
  place.lab.buffer = 1'000;
  if (const auto able = lab_available(); !able) {
    place.loopback = true;
    note =
        able.error().text +
        "\nInstead: hosts on this machine's loopback, Homa over UDP. No link is shared there, so "
        "nothing queues,\nand what Homa is for does not show; what is compared is the CPU time "
        "that RPCs cost.";
  }
  HostConfig homa;
  homa.poll = std::chrono::microseconds(0);
  return BenchSession::open(place, homa);
}

class Demo {
 public:
  Demo(Script script, BenchSession session)
      : script_(std::move(script)), session_(std::move(session)) {
    for (const Step& step : script_.steps) left_ += time_of(step);
  }

  Result<void, Error> run() {
    for (std::size_t i = 0; i < script_.steps.size(); ++i) {
      if (const auto done = run_step(i); !done) return done;
    }
    return {};
  }

  Script& script() { return script_; }
  const BenchSession& session() const { return session_; }

 private:
  Result<void, Error> run_step(std::size_t index) {
    const Step& step = script_.steps[index];
    DemoPart& part = script_.parts[step.part];
    BenchLoad load;
    load.workload = script_.workloads[step.part];
    load.load = part.load;
    load.rate = session_.rate();
    load.duration = step.duration;
    load.warm_up = step.warm_up;
    load.drain = kDrain;
    std::string what =
        fmt::format("[{}/{}] {}", index + 1, script_.steps.size(), step.protocol.name());
    if (!step.protocol.is_homa()) {
      what += fmt::format(", {} {} per pair", step.protocol.connections,
                          step.protocol.is_tcp() ? "connection(s)" : "channel(s)");
    }
    what += fmt::format(", {} at {:.0f} %", part.workload, part.load * 100);
    if (::isatty(STDERR_FILENO) == 0) {
      fmt::print(stderr, "{} (about {} s left)\n", what,
                 std::chrono::duration_cast<std::chrono::seconds>(left_).count());
    }
    const Nanoseconds later = left_ - time_of(step);
    auto result = session_.run(step.protocol, load, [&](BenchProgress progress) {
      progress.left += later;
      show_progress(what, progress);
    });
    if (!result) return Unexpected(result.error());
    left_ = later;
    part.runs.push_back(std::move(*result));
    const BenchFigures& figures = part.runs.back().figures;
    clear_progress();
    fmt::print(stderr, "{}: shorter half P99 {}, mean {}\n", what,
               format_time(figures.short_half.round_trip_us.p99),
               format_time(figures.all.round_trip_us.mean));
    return {};
  }

  Script script_;
  BenchSession session_;
  Nanoseconds left_{0};
};

int finish(const Options& options, const Demo& demo, const std::vector<DemoPart>& parts) {
  const std::size_t hosts = demo.session().hosts();
  for (const DemoPart& part : parts) fmt::print("{}", to_table(part, hosts));
  std::error_code failed;
  const std::filesystem::path folder = std::filesystem::path(options.json).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, failed);
  std::ofstream out(options.json);
  auto json = to_json(parts, demo.session().description(), hosts);
  json["machine"] = to_json(this_machine());
  json["commit"] = HOMA_COMMIT;
  out << json.dump(2) << '\n';
  if (!out.flush()) {
    fmt::print(stderr, "homa demo: cannot write {}\n", options.json);
    return kFailure;
  }
  for (const DemoPart& part : parts) {
    for (const BenchResult& run : part.runs) {
      if (run.run.corrupt > 0) return kFailure;
    }
  }
  return kSuccess;
}

int demo_command(const Options& options) {
  const StopGuard guard;
  std::string note;
  auto session = open_place(note);
  if (!session) return report_bench_error("homa demo", session.error());
  if (!note.empty()) fmt::print(stderr, "{}\n", note);
  fmt::print(
      stderr,
      "{}\nThe same requests, at the same moments, over each protocol in turn; sizes above {} "
      "bytes are cut off for all.\n",
      session->description(), kMessageBytesMax);
  Demo demo(make_script(options.quick), std::move(*session));
  if (const auto done = demo.run(); !done) return report_bench_error("homa demo", done.error());
  return finish(options, demo, demo.script().parts);
}

}  // namespace

void add_demo_command(CLI::App& app, Run& run) {
  const auto options = std::make_shared<Options>();
  CLI::App* demo_app = app.add_subcommand(
      "demo", "Homa against TCP in a lab: workloads w4 and w3, size by size (see ./demo)");
  demo_app->add_flag("--quick", options->quick, "less of it, in under three minutes");
  demo_app->add_option("--json", options->json, "where the results go")->capture_default_str();
  demo_app->callback([&run, options] { run = [options] { return demo_command(*options); }; });
}

}  // namespace homa::tools
