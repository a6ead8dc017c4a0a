#include "tools/demo/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

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
  int runs = 1;
  std::string json = "build/demo/demo.json";
};

// Two labs, one after the other, differ in the buffer of each port and priority.
enum class Buffers : std::uint8_t {
  kLarge,  // TCP loses next to nothing, whatever its congestion control does
  kSmall,  // little to wait behind, but TCP loses
};
constexpr std::uint64_t kLargeBuffer = 1'000, kSmallBuffer = 30;  // packets

struct Step {
  std::size_t part = 0;
  BenchProtocol protocol;
  Buffers buffers = Buffers::kLarge;
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

struct Times {
  Nanoseconds duration{0}, warm_up{0};
};

Times times(bool quick, std::size_t part) {
  if (!quick) return {std::chrono::seconds(30), std::chrono::seconds(5)};
  return {std::chrono::seconds(part == 0 ? 14 : 6), std::chrono::seconds(2)};
}

// Every protocol once, over both workloads.
void add_steps(Script& script, bool quick, bool small_buffers) {
  const std::vector<int> connections = quick ? std::vector{1, 8} : std::vector{1, 4, 8};
  for (std::size_t part = 0; part < script.parts.size(); ++part) {
    const auto [duration, warm_up] = times(quick, part);
    const auto add = [&](BenchProtocol protocol, Buffers buffers) {
      script.steps.push_back({part, std::move(protocol), buffers, duration, warm_up});
    };
    add(BenchProtocol{}, Buffers::kLarge);
    for (const int count : connections) {
      if (quick && part == 1 && count == 1) continue;
      for (const char* control : {"cubic", "bbr"}) add(tcp(control, count), Buffers::kLarge);
      if (!small_buffers || count == 1) continue;
      BenchProtocol small = tcp("cubic", count);
      small.variant = "small-buffers";
      add(std::move(small), Buffers::kSmall);
    }
    if (!has_grpc()) continue;
    for (const int count : {1, 8}) {  // one channel, as everybody has, and as many as TCP's best
      if (!quick || count == 1) add(grpc(count), Buffers::kLarge);
    }
  }
}

Script make_script(const Options& options, bool small_buffers) {
  Script script;
  for (const auto& [name, load] : {std::pair{"w4", 0.8}, std::pair{"w3", 0.5}}) {
    script.parts.push_back({name, load, {}});
    // The names are ours, so they exist.
    script.workloads.push_back(sim::WorkloadDistribution::named(name)->cut_off(kMessageBytesMax));
  }
  for (int run = 0; run < options.runs; ++run) add_steps(script, options.quick, small_buffers);
  // Changing labs takes time, so all of one lab comes first.
  std::stable_sort(script.steps.begin(), script.steps.end(),
                   [](const Step& a, const Step& b) { return a.buffers < b.buffers; });
  return script;
}

Nanoseconds time_of(const Step& step) { return step.warm_up + step.duration + kBetween; }

// Homa and TCP where there is a lab; where there is none, the same on loopback.
Result<BenchSession, Error> open_place(Buffers buffers, bool lab) {
  BenchPlace place;
  place.lab.name = fmt::format("demo-{}", ::getpid());
  place.lab.owner = ::getpid();
  place.lab.buffer = buffers == Buffers::kSmall ? kSmallBuffer : kLargeBuffer;
  place.loopback = !lab;
  HostConfig homa;
  homa.poll = std::chrono::microseconds(0);
  return BenchSession::open(place, homa);
}

class Demo {
 public:
  // `session`: the place with large buffers.
  Demo(Script script, BenchSession session)
      : script_(std::move(script)),
        description_(session.description()),
        hosts_(session.hosts()),
        session_(std::move(session)) {
    for (const Step& step : script_.steps) left_ += time_of(step);
  }

  Result<void, Error> run() {
    for (std::size_t i = 0; i < script_.steps.size(); ++i) {
      if (const auto done = run_step(i); !done) return done;
    }
    return {};
  }

  Script& script() { return script_; }
  const std::string& description() const { return description_; }
  std::size_t hosts() const { return hosts_; }

 private:
  Result<void, Error> move_to(Buffers buffers) {
    if (buffers == buffers_) return {};
    session_.reset();  // its lab has the same name
    auto next = open_place(buffers, true);
    if (!next) return Unexpected(next.error());
    session_ = std::move(*next);
    buffers_ = buffers;
    return {};
  }

  Result<void, Error> run_step(std::size_t index) {
    const Step& step = script_.steps[index];
    if (const auto moved = move_to(step.buffers); !moved) return moved;
    DemoPart& part = script_.parts[step.part];
    BenchLoad load;
    load.workload = script_.workloads[step.part];
    load.load = part.load;
    load.rate = session_->rate();
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
    auto result = session_->run(step.protocol, load, [&](BenchProgress progress) {
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
  std::string description_;
  std::size_t hosts_ = 0;
  std::optional<BenchSession> session_;
  Buffers buffers_ = Buffers::kLarge;
  Nanoseconds left_{0};
};

int finish(const Options& options, Demo& demo) {
  const std::size_t hosts = demo.hosts();
  std::vector<DemoPart> parts;
  for (const DemoPart& part : demo.script().parts) parts.push_back(medians(part));
  for (const DemoPart& part : parts) fmt::print("{}", to_table(part, hosts));
  std::error_code failed;
  const std::filesystem::path folder = std::filesystem::path(options.json).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, failed);
  std::ofstream out(options.json);
  auto json = to_json(parts, demo.description(), hosts, options.runs);
  json["machine"] = to_json(this_machine());
  json["commit"] = HOMA_COMMIT;
  out << json.dump(2) << '\n';
  if (!out.flush()) {
    fmt::print(stderr, "homa demo: cannot write {}\n", options.json);
    return kFailure;
  }
  for (const DemoPart& part : demo.script().parts) {
    for (const BenchResult& run : part.runs) {
      if (run.run.corrupt > 0) return kFailure;
    }
  }
  return kSuccess;
}

int demo_command(const Options& options) {
  const StopGuard guard;
  const auto able = lab_available();
  auto session = open_place(Buffers::kLarge, able.has_value());
  if (!session) return report_bench_error("homa demo", session.error());
  if (!able) {
    fmt::print(stderr,
               "{}\nInstead: hosts on this machine's loopback, Homa over UDP. No link is shared "
               "there, so nothing queues,\nand what Homa is for does not show; what is compared is "
               "the CPU time that RPCs cost.\n",
               able.error().text);
  }
  fmt::print(
      stderr,
      "{}\nThe same requests, at the same moments, over each protocol in turn; sizes above {} "
      "bytes are cut off for all.\n",
      session->description(), kMessageBytesMax);
  Demo demo(make_script(options, able.has_value()), std::move(*session));
  if (const auto done = demo.run(); !done) return report_bench_error("homa demo", done.error());
  return finish(options, demo);
}

}  // namespace

void add_demo_command(CLI::App& app, Run& run) {
  const auto options = std::make_shared<Options>();
  CLI::App* demo_app = app.add_subcommand(
      "demo", "Homa against TCP in a lab: workloads w4 and w3, size by size (see ./demo)");
  demo_app->add_flag("--quick", options->quick, "less of it, in about three minutes");
  demo_app
      ->add_option("--runs", options->runs,
                   "of each protocol; the report has the median and the spread")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  demo_app->add_option("--json", options->json, "where the results go")->capture_default_str();
  demo_app->callback([&run, options] { run = [options] { return demo_command(*options); }; });
}

}  // namespace homa::tools
