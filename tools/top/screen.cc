#include "tools/top/screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "tools/text/units.h"

namespace homa::tools {
namespace {

using observe::Distribution;
using observe::EngineState;
using Look = ScreenLine::Look;

constexpr std::size_t kEnginesMax = 12;
constexpr std::size_t kErrorsMax = 5;
constexpr std::size_t kProgramsMax = 8;

struct Change {  // of one engine, per second
  const EngineState* now = nullptr;
  const EngineState* before = nullptr;
  double calls = 0, served = 0;
  double bits_in = 0, bits_out = 0;
  double resent = 0, dropped = 0, failed = 0;
};

double per_second(const Change& change, double seconds, std::string_view name) {
  const std::uint64_t now = change.now->value(name);
  const std::uint64_t before = change.before == nullptr ? 0 : change.before->value(name);
  return static_cast<double>(now - std::min(now, before)) / seconds;
}

double dropped_per_second(const Change& change, double seconds) {
  double sum = per_second(change, seconds, "io_receive_dropped");
  for (const observe::Metric& metric : change.now->metrics) {
    if (metric.name.starts_with("dropped_")) sum += per_second(change, seconds, metric.name);
  }
  return sum;
}

std::vector<Change> changes(const Looks& looks) {
  std::vector<Change> all;
  for (const EngineState& now : looks.now) {
    Change change;
    change.now = &now;
    for (const EngineState& before : looks.before) {
      if (before.path == now.path) change.before = &before;
    }
    const auto rate = [&](std::string_view name) {
      return per_second(change, looks.seconds, name);
    };
    change.calls = rate("responses_received");
    change.served = rate("responses_sent");
    change.bits_in = 8 * rate("bytes_received");
    change.bits_out = 8 * rate("bytes_sent");
    change.resent = rate("retransmitted_packets");
    change.failed = rate("rpcs_failed");
    change.dropped = dropped_per_second(change, looks.seconds);
    all.push_back(change);
  }
  std::stable_sort(all.begin(), all.end(), [](const Change& a, const Change& b) {
    return a.calls + a.served > b.calls + b.served;
  });
  return all;
}

// "1.2k": at most five columns.
std::string short_number(double value) {
  constexpr std::pair<double, char> kSteps[] = {{1e9, 'G'}, {1e6, 'M'}, {1e3, 'k'}};
  for (const auto& [size, letter] : kSteps) {
    if (value >= size)
      return fmt::format("{:.{}f}{}", value / size, value < 10 * size ? 1 : 0, letter);
  }
  return fmt::format("{:.0f}", value);
}

class Screen {
 public:
  Screen(std::size_t width, std::size_t height) : width_(width), height_(height) {}

  std::size_t left() const { return height_ - lines_.size(); }
  void add(std::string text, Look look = Look::kPlain) {
    if (left() == 0) return;
    if (text.size() > width_) text.resize(width_);
    lines_.push_back({std::move(text), look});
  }
  // A heading needs a line below it.
  bool title(std::string text) {
    if (left() < 2) return false;
    text.resize(width_, ' ');
    add(std::move(text), Look::kTitle);
    return true;
  }
  std::vector<ScreenLine> take() { return std::move(lines_); }

 private:
  const std::size_t width_, height_;
  std::vector<ScreenLine> lines_;
};

void add_engines(Screen& out, std::span<const Change> engines) {
  if (!out.title(fmt::format("{:>7} {:<13}{:>7}{:>7}{:>7}{:>7}{:>6}{:>6}{:>6}{:>6}{:>5}", "PID",
                             "PROGRAM", "CALL/s", "SERV/s", "in b/s", "outb/s", "RTX/s", "DRP/s",
                             "ERR/s", "RPCs", "MEM"))) {
    return;
  }
  for (const Change& change : engines.first(std::min(engines.size(), kEnginesMax))) {
    const EngineState& engine = *change.now;
    const std::uint64_t memory = engine.value("receive_memory_bytes");
    const std::uint64_t used = engine.value("receive_memory_used_bytes");
    const bool bad = change.resent > 0 || change.dropped > 0 || change.failed > 0;
    out.add(fmt::format("{:>7} {:<13.13}{:>7}{:>7}{:>7}{:>7}{:>6}{:>6}{:>6}{:>6}{:>4}%", engine.pid,
                        engine.program, short_number(change.calls), short_number(change.served),
                        short_number(change.bits_in), short_number(change.bits_out),
                        short_number(change.resent), short_number(change.dropped),
                        short_number(change.failed), engine.value("rpcs_in_progress"),
                        memory == 0 ? 0 : std::min<std::uint64_t>(100, used * 100 / memory)),
            bad ? Look::kBad : Look::kPlain);
  }
  if (engines.size() > kEnginesMax) {
    out.add(fmt::format("        {} more, with less to do", engines.size() - kEnginesMax));
  }
}

// RPC times of all engines together, since the last look.
std::vector<Distribution> times_of_all(std::span<const Change> engines) {
  std::vector<Distribution> all;
  for (const Change& change : engines) {
    for (std::size_t i = 0; i < change.now->distributions.size(); ++i) {
      const Distribution& now = change.now->distributions[i];
      if (now.name != "rpc_time") continue;
      const bool known = change.before != nullptr && i < change.before->distributions.size();
      const Distribution fresh = known ? now.since(change.before->distributions[i]) : now;
      const auto same = std::find_if(all.begin(), all.end(), [&](const Distribution& other) {
        return other.up_to == fresh.up_to && other.precision == fresh.precision;
      });
      if (same == all.end()) {
        all.push_back(fresh);
      } else {
        same->add(fresh);
      }
    }
  }
  return all;
}

void add_times(Screen& out, std::span<const Change> engines, double seconds) {
  if (!out.title(fmt::format("{:<16}{:>10}{:>12}{:>12}{:>12}{:>12}", "RPC time, by size", "RPC/s",
                             "P50", "P90", "P99", "P99.9"))) {
    return;
  }
  for (const Distribution& times : times_of_all(engines)) {
    if (times.count() == 0) continue;
    std::string line =
        fmt::format("{:<16}{:>10}",
                    times.up_to == 0 ? "> " + format_bytes(static_cast<double>(times.above))
                                     : "<= " + format_bytes(static_cast<double>(times.up_to)),
                    short_number(static_cast<double>(times.count()) / seconds));
    for (const double share : {0.5, 0.9, 0.99, 0.999}) {
      line +=
          fmt::format("{:>12}", format_time(static_cast<double>(times.percentile(share)) / 1e3));
    }
    out.add(line);
  }
}

void add_programs(Screen& out, const Looks& looks) {
  for (const EngineState& engine : looks.now) {
    if (engine.programs.empty()) continue;
    if (!out.title(fmt::format("{:>7} {:>6} {:>8} {:>6} {:>10} {:>10} {:>9}  PROGRAMS OF {}", "PID",
                               "USER", "SOCKETS", "RPCs", "MEMORY", "GUARANTEE", "TROUBLES",
                               engine.pid))) {
      return;
    }
    for (std::size_t i = 0; i < std::min(engine.programs.size(), kProgramsMax); ++i) {
      const observe::ProgramSeen& each = engine.programs[i];
      out.add(
          fmt::format("{:>7} {:>6} {:>8} {:>6} {:>10} {:>10} {:>9}", each.pid, each.user,
                      each.sockets, each.rpcs, format_bytes(static_cast<double>(each.memory_used)),
                      format_bytes(static_cast<double>(each.memory_guaranteed)), each.troubles()));
    }
  }
}

void add_errors(Screen& out, const Looks& looks) {
  std::vector<std::pair<const observe::ErrorSeen*, const EngineState*>> errors;
  for (const EngineState& engine : looks.now) {
    for (const auto& error : engine.errors) errors.emplace_back(&error, &engine);
  }
  if (errors.empty()) return;
  std::stable_sort(errors.begin(), errors.end(),
                   [](const auto& a, const auto& b) { return a.first->last > b.first->last; });
  if (!out.title(fmt::format("{:>7} {:>8} {}", "PID", "COUNT", "LATEST ERRORS"))) return;
  for (std::size_t i = 0; i < std::min(errors.size(), kErrorsMax); ++i) {
    const auto& [error, engine] = errors[i];
    out.add(fmt::format("{:>7} {:>8} {} {}", engine->pid, error->count, error->text,
                        error->has_peer ? error->peer.to_string() : ""));
  }
}

void add_rpcs(Screen& out, const Looks& looks) {
  std::vector<std::pair<const observe::RpcSeen*, const EngineState*>> rpcs;
  for (const EngineState& engine : looks.now) {
    for (const auto& rpc : engine.rpcs) rpcs.emplace_back(&rpc, &engine);
  }
  if (rpcs.empty()) return;
  std::stable_sort(rpcs.begin(), rpcs.end(),
                   [](const auto& a, const auto& b) { return a.first->began < b.first->began; });
  if (!out.title(fmt::format("{:>7} {:>9} {:<7}{:<10}{:<23}{:>11}{:>11}", "PID", "AGE", "SIDE",
                             "STATE", "PEER OF SLOWEST RPC", "SENT", "RECEIVED"))) {
    return;
  }
  for (std::size_t i = 0; i < rpcs.size() && out.left() > 0; ++i) {
    const auto& [rpc, engine] = rpcs[i];
    const double age = std::chrono::duration<double, std::micro>(looks.clock - rpc->began).count();
    out.add(fmt::format("{:>7} {:>9} {:<7}{:<10}{:<23.23}{:>11}{:>11}", engine->pid,
                        format_time(age), rpc->is_ours ? "client" : "server", rpc->state,
                        rpc->peer.to_string(), format_bytes(rpc->sent),
                        format_bytes(rpc->received)));
  }
}

}  // namespace

std::vector<ScreenLine> screen(const Looks& looks, std::size_t width, std::size_t height) {
  Screen out(width, height);
  const std::vector<Change> engines = changes(looks);
  double calls = 0, bits_in = 0, bits_out = 0;
  for (const Change& change : engines) {
    calls += change.calls;
    bits_in += change.bits_in;
    bits_out += change.bits_out;
  }
  out.add(fmt::format("homa top: {} engines, {} RPC/s, {}bit/s in, {}bit/s out; q quits",
                      engines.size(), short_number(calls), short_number(bits_in),
                      short_number(bits_out)));
  if (engines.empty()) {
    out.add("no engine publishes on this host");
    return out.take();
  }
  add_engines(out, engines);
  add_times(out, engines, looks.seconds);
  add_programs(out, looks);
  add_errors(out, looks);
  add_rpcs(out, looks);
  return out.take();
}

}  // namespace homa::tools
