#include "observe/engine_state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/descriptor.h"
#include "base/failure.h"
#include "observe/state_bytes.h"

namespace homa::observe {
namespace {

using trace::SectionKind;

constexpr int kTries = 5;

constexpr std::array<std::string_view, 5> kRpcStates = {"sending", "waiting", "receiving",
                                                        "serving", "replying"};

SocketAddress address_of(const trace::PeerEntry& peer) {
  return {Address{peer.ip, peer.udp_port, peer.scope}, peer.port};
}

void take_metrics(const StateBytes& state, const trace::Section& section, EngineState& out) {
  const bool only_grows = section.kind == SectionKind::kCounters;
  for (std::uint32_t i = 0; i < section.count; ++i) {
    trace::MetricText text;
    const auto value = state.cell(section.values, i);
    if (!state.read(section, i, text) || !value) return;
    out.metrics.push_back({printable(trace::text_of(text.name)),
                           printable(trace::text_of(text.meaning)), only_grows, *value});
  }
}

void take_histograms(const StateBytes& state, const trace::Section& section, EngineState& out) {
  constexpr std::uint32_t kBucketsMax = 1 << 14;
  constexpr std::uint32_t kPrecisionMax = 12;
  for (std::uint32_t i = 0; i < section.count; ++i) {
    trace::HistogramText text;
    if (!state.read(section, i, text) || text.precision > kPrecisionMax ||
        text.buckets > kBucketsMax || (text.buckets >> text.precision) > 64 - text.precision) {
      return;
    }
    Distribution distribution{printable(trace::text_of(text.name)),
                              printable(trace::text_of(text.meaning)),
                              printable(trace::text_of(text.unit)),
                              text.above,
                              text.up_to,
                              static_cast<int>(text.precision),
                              state.cell(text.cells, 0).value_or(0),
                              {}};
    for (std::uint32_t bucket = 0; bucket < text.buckets; ++bucket) {
      const auto count = state.cell(text.cells, 1 + std::uint64_t{bucket});
      if (!count) return;
      distribution.counts.push_back(*count);
    }
    out.distributions.push_back(std::move(distribution));
  }
}

void take_errors(const StateBytes& state, const trace::Section& section, EngineState& out) {
  for (std::uint32_t i = 0; i < section.count; ++i) {
    trace::ErrorEntry entry;
    if (!state.read(section, i, entry)) return;
    if (entry.count == 0) continue;
    const SocketAddress peer = address_of(entry.peer);
    out.errors.push_back({entry.count, entry.first, entry.last,
                          peer.host.ip != std::array<std::uint8_t, 16>{}, peer,
                          static_cast<ErrorCode>(entry.code & 0xff),
                          static_cast<Executed>(std::min(entry.executed, 2U)),
                          printable(trace::text_of(entry.text))});
  }
  std::stable_sort(out.errors.begin(), out.errors.end(),
                   [](const ErrorSeen& a, const ErrorSeen& b) { return a.last > b.last; });
}

void take_rpcs(const StateBytes& state, const trace::Section& section, EngineState& out) {
  // The head: version, count, when it was written.
  const std::uint64_t count = state.cell(section.values, 1).value_or(0);
  for (std::uint32_t i = 0; i < std::min<std::uint64_t>(count, section.count); ++i) {
    trace::RpcEntry entry;
    if (!state.read(section, i, entry)) return;
    out.rpcs.push_back(
        {entry.wire_id, Time(Duration(entry.began)), address_of(entry.peer), entry.local_port,
         entry.state < kRpcStates.size() ? kRpcStates[entry.state] : "?", entry.is_ours != 0,
         entry.send_length, entry.sent, entry.send_granted, entry.receive_length, entry.received,
         entry.receive_granted, entry.gaps, entry.silent_ticks});
  }
  std::stable_sort(out.rpcs.begin(), out.rpcs.end(),
                   [](const RpcSeen& a, const RpcSeen& b) { return a.began < b.began; });
}

void take_programs(const StateBytes& state, const trace::Section& section, EngineState& out) {
  const std::uint64_t count = state.cell(section.values, 1).value_or(0);
  for (std::uint32_t i = 0; i < std::min<std::uint64_t>(count, section.count); ++i) {
    trace::ProgramEntry entry;
    if (!state.read(section, i, entry)) return;
    out.programs.push_back({entry.pid, entry.user, entry.sockets, entry.rpcs, entry.memory_used,
                            entry.memory_guaranteed, entry.receive_used, entry.receive_bytes,
                            entry.messages_held, entry.incoming_dropped, entry.outgoing_dropped,
                            entry.sends_refused, entry.requests_refused, entry.rpcs_refused,
                            entry.submissions_refused, entry.channels_broken});
  }
  std::stable_sort(
      out.programs.begin(), out.programs.end(),
      [](const ProgramSeen& a, const ProgramSeen& b) { return a.memory_used > b.memory_used; });
}

// Whether what is written as a whole was written as a whole in the first of two copies.
bool whole(const StateBytes& first, const StateBytes& second) {
  for (std::uint32_t i = 0; i < first.sections(); ++i) {
    const trace::Section& section = first.section(i);
    const auto same = [&](std::uint64_t offset) {
      const auto version = first.cell(offset, 0);
      return !version || (*version % 2 == 0 && version == second.cell(offset, 0));
    };
    const bool is_table =
        section.kind == SectionKind::kRpcs || section.kind == SectionKind::kPrograms;
    if (is_table && !same(section.values)) return false;
    if (section.kind != SectionKind::kErrors) continue;
    for (std::uint32_t entry = 0; entry < section.count; ++entry) {
      if (!same(section.entries + std::uint64_t{entry} * section.entry_bytes)) return false;
    }
  }
  return true;
}

Result<std::vector<std::byte>, Error> copy_file(int file, std::size_t size) {
  std::vector<std::byte> bytes(size);
  const ssize_t count = ::pread(file, bytes.data(), bytes.size(), 0);
  if (count < 0) return system_failure("cannot read it", errno);
  bytes.resize(static_cast<std::size_t>(count));
  return bytes;
}

}  // namespace

std::uint64_t EngineState::value(std::string_view name) const {
  const auto found = std::find_if(metrics.begin(), metrics.end(),
                                  [&](const Metric& metric) { return metric.name == name; });
  return found == metrics.end() ? 0 : found->value;
}

Result<EngineState, Error> parse_state(std::span<const std::byte> bytes) {
  const StateBytes state(bytes);
  if (auto valid = state.validate(); !valid) return Unexpected(valid.error());
  const trace::StateHeader& header = state.header();
  EngineState out;
  out.pid = header.owner.pid;
  out.program = printable(trace::text_of(header.program));
  out.description = printable(trace::text_of(header.description));
  out.opened = header.opened;
  out.out_of_memory = header.ended.load() != 0;
  out.sampled = Time(Duration(static_cast<std::int64_t>(header.sampled.load())));
  for (std::uint32_t i = 0; i < state.sections(); ++i) {
    const trace::Section& section = state.section(i);
    switch (section.kind) {
      case SectionKind::kCounters:
      case SectionKind::kGauges: take_metrics(state, section, out); break;
      case SectionKind::kHistograms: take_histograms(state, section, out); break;
      case SectionKind::kErrors: take_errors(state, section, out); break;
      case SectionKind::kRpcs: take_rpcs(state, section, out); break;
      case SectionKind::kPrograms: take_programs(state, section, out); break;
      default: break;  // a newer engine's
    }
  }
  return out;
}

Result<EngineState, Error> read_state(const std::string& path) {
  // Not a link, and no pipe that would keep us waiting.
  const base::Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.valid()) return system_failure("cannot open " + path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return system_failure("cannot look at " + path, errno);
  if (!S_ISREG(status.st_mode) || status.st_size > static_cast<off_t>(trace::kStateBytesMax)) {
    return failure(ErrorCode::kInvalidArgument, path + " is no file of an engine");
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  auto bytes = copy_file(file.get(), size);
  if (!bytes) return Unexpected(bytes.error());
  bool is_whole = false;
  for (int i = 0; i < kTries && !is_whole; ++i) {
    auto again = copy_file(file.get(), size);
    if (!again) return Unexpected(again.error());
    const StateBytes first(*bytes), second(*again);
    is_whole = first.validate() && second.validate() && whole(first, second);
    if (!is_whole) std::swap(*bytes, *again);
  }
  auto state = parse_state(*bytes);
  if (!state) return failure(state.error().code, path + ": " + state.error().text);
  state->path = path;
  state->user = status.st_uid;
  state->torn = !is_whole;
  state->owner = look_for(StateBytes(*bytes).header().owner);
  return state;
}

std::vector<EngineState> read_states(const std::string& folder, bool with_dead) {
  std::vector<EngineState> states;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(folder.c_str()), ::closedir);
  if (entries == nullptr) return states;
  while (const dirent* const entry = ::readdir(entries.get())) {
    if (trace::pid_in_name(entry->d_name) == 0) continue;
    auto state = read_state(folder + "/" + entry->d_name);
    if (state && (with_dead || state->lives())) states.push_back(std::move(state).value());
  }
  std::sort(states.begin(), states.end(), [](const EngineState& a, const EngineState& b) {
    return std::pair(a.pid, a.opened) < std::pair(b.pid, b.opened);
  });
  return states;
}

std::vector<EngineState> select(std::vector<EngineState> states, std::string_view pid_or_name) {
  if (pid_or_name.empty()) return states;
  std::erase_if(states, [&](const EngineState& state) {
    return std::to_string(state.pid) != pid_or_name && state.program != pid_or_name;
  });
  return states;
}

}  // namespace homa::observe
