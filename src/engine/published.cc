#include "engine/published.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <new>
#include <string_view>
#include <utility>

#include "base/failure.h"
#include "engine/state_file.h"
#include "trace/state_owner.h"

namespace homa::engine {
namespace {

using trace::HistogramText;
using trace::MetricText;
using trace::Section;
using trace::SectionKind;

struct Words {
  std::string_view name, meaning;
};

#define HOMA_WORDS(name, meaning) Words{#name, meaning},
#define HOMA_IO_WORDS(name, meaning) Words{"io_" #name, meaning},
constexpr Words kCoreWords[] = {HOMA_COUNTERS(HOMA_WORDS)};
constexpr Words kIoWords[] = {HOMA_IO_COUNTERS(HOMA_IO_WORDS)};
constexpr Words kGaugeWords[] = {HOMA_GAUGES(HOMA_WORDS)};
#undef HOMA_WORDS
#undef HOMA_IO_WORDS
constexpr Words kRpcTimeWords{"rpc_time", "RPCs of ours that completed: from send to response"};
constexpr Words kSentWords{"message_sent", "length of messages sent"};
constexpr Words kReceivedWords{"message_received", "length of messages received"};

constexpr bool fits(std::span<const Words> all) {
  return std::all_of(all.begin(), all.end(), [](const Words& words) {
    return words.name.size() < MetricText{}.name.size() &&
           words.meaning.size() < MetricText{}.meaning.size();
  });
}
static_assert(fits(kCoreWords) && fits(kIoWords) && fits(kGaugeWords));

std::int64_t since_1970() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// A reader that sees the same even version before and after has read the table as a whole.
void begin_table(trace::TableHead& head) {
  head.version.store(head.version.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
}

void end_table(trace::TableHead& head, Time clock, std::size_t count) {
  head.count.store(count, std::memory_order_relaxed);
  head.written.store(static_cast<std::uint64_t>(clock.time_since_epoch().count()),
                     std::memory_order_relaxed);
  const std::uint64_t version = head.version.load(std::memory_order_relaxed);
  head.version.store(version + 1, std::memory_order_release);
}

}  // namespace

// As this version writes them. Readers find the parts by the header's sections.
struct Published::Parts {
  trace::StateHeader header;
  std::array<MetricText, std::size(kCoreWords)> core_texts{};
  std::array<MetricText, std::size(kIoWords)> io_texts{};
  std::array<MetricText, std::size(kGaugeWords)> gauge_texts{};
  std::array<HistogramText, kSizeClasses.size() + 2> histogram_texts{};
  // What is written all the time.
  alignas(64) trace::Counters counters;
  alignas(64) IoCounters io;
  trace::Gauges gauges;
  alignas(64) Histograms histograms;
  std::array<trace::ErrorEntry, kErrors> errors{};
  trace::TableHead rpcs_head;
  std::array<trace::RpcEntry, kRpcs> rpcs{};
  trace::TableHead programs_head;
  std::array<trace::ProgramEntry, kPrograms> programs{};

  std::uint64_t offset_of(const void* part) const {
    return static_cast<std::uint64_t>(static_cast<const std::byte*>(part) -
                                      reinterpret_cast<const std::byte*>(this));
  }
  template <typename Entries>
  void add(SectionKind kind, const Entries& entries, const void* values) {
    header.sections[header.sections_count++] = Section{kind,
                                                       static_cast<std::uint32_t>(entries.size()),
                                                       sizeof(typename Entries::value_type),
                                                       0,
                                                       offset_of(entries.data()),
                                                       values == nullptr ? 0 : offset_of(values)};
  }
  template <typename Texts>
  void describe(SectionKind kind, Texts& texts, std::span<const Words> words, const void* values) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      trace::set_text(texts[i].name, words[i].name);
      trace::set_text(texts[i].meaning, words[i].meaning);
    }
    add(kind, texts, values);
  }
  template <typename Histogram>
  void describe(HistogramText& text, const Words& words, std::string_view unit,
                const Histogram& histogram) {
    trace::set_text(text.name, words.name);
    trace::set_text(text.meaning, words.meaning);
    trace::set_text(text.unit, unit);
    text.precision = Histogram::kPrecision;
    text.buckets = Histogram::kBuckets;
    text.cells = offset_of(&histogram);
  }
  void describe_all() {
    // A struct of counters is an array of cells.
    static_assert(sizeof(counters) == std::size(kCoreWords) * sizeof(trace::Cell));
    static_assert(sizeof(io) == std::size(kIoWords) * sizeof(trace::Cell));
    static_assert(sizeof(gauges) == std::size(kGaugeWords) * sizeof(trace::Cell));
    describe(SectionKind::kCounters, core_texts, kCoreWords, &counters);
    describe(SectionKind::kCounters, io_texts, kIoWords, &io);
    describe(SectionKind::kGauges, gauge_texts, kGaugeWords, &gauges);
    std::uint64_t above = 0;
    for (std::size_t i = 0; i < kSizeClasses.size(); ++i) {
      describe(histogram_texts[i], kRpcTimeWords, "nanoseconds", histograms.rpc_time[i]);
      histogram_texts[i].above = std::exchange(above, kSizeClasses[i]);
      histogram_texts[i].up_to = kSizeClasses[i];
    }
    describe(histogram_texts[kSizeClasses.size()], kSentWords, "bytes", histograms.sent);
    describe(histogram_texts[kSizeClasses.size() + 1], kReceivedWords, "bytes",
             histograms.received);
    add(SectionKind::kHistograms, histogram_texts, nullptr);
    add(SectionKind::kErrors, errors, nullptr);
    add(SectionKind::kRpcs, rpcs, &rpcs_head);
    add(SectionKind::kPrograms, programs, &programs_head);
  }
};

Published::Published(base::Mapping memory, std::string path, const std::string& description)
    : memory_(std::move(memory)),
      path_(std::move(path)),
      parts_(new (memory_.bytes().data()) Parts),
      measured_(parts_->histograms),
      errors_(parts_->errors) {
  trace::StateHeader& header = parts_->header;
  header.version = trace::kStateVersion;
  header.bytes = sizeof(Parts);
  header.owner = trace::state_owner();
  header.opened = since_1970();
  trace::set_text(header.program, program_invocation_short_name);
  trace::set_text(header.description, description);
  parts_->describe_all();
  header.magic.store(trace::kStateMagic, std::memory_order_release);
}

Result<std::unique_ptr<Published>, Error> Published::in_private_memory() {
  auto memory = base::Mapping::create(sizeof(Parts));
  if (!memory) return Unexpected(memory.error());
  return std::unique_ptr<Published>(new Published(std::move(memory).value(), {}, {}));
}

Result<std::unique_ptr<Published>, Error> Published::in_folder(const std::string& folder,
                                                               const std::string& description) {
  remove_old_state_files(folder, Time(std::chrono::steady_clock::now().time_since_epoch()));
  auto file = create_state_file(folder, sizeof(Parts));
  if (!file) return Unexpected(file.error());
  return std::unique_ptr<Published>(
      new Published(std::move(file->memory), std::move(file->path), description));
}

Published::~Published() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Result<void, Error> Published::take_requests() {
  auto requests = ParameterRequests::open(path_);
  if (!requests) return Unexpected(requests.error());
  requests_ = std::move(requests).value();
  return {};
}

trace::Counters& Published::counters() { return parts_->counters; }
const trace::Counters& Published::counters() const { return parts_->counters; }
trace::Gauges& Published::gauges() { return parts_->gauges; }

void Published::set_io(const io::IoStatistics& statistics) {
#define HOMA_SET_IO(name, meaning) \
  parts_->io.name.store(statistics.name, std::memory_order_relaxed);
  HOMA_IO_COUNTERS(HOMA_SET_IO)
#undef HOMA_SET_IO
}

void Published::set_rpcs(Time clock, std::span<const trace::RpcEntry> rpcs) {
  begin_table(parts_->rpcs_head);
  const std::size_t count = std::min(rpcs.size(), kRpcs);
  std::copy_n(rpcs.begin(), count, parts_->rpcs.begin());
  end_table(parts_->rpcs_head, clock, count);
}

std::span<trace::ProgramEntry> Published::begin_programs() {
  begin_table(parts_->programs_head);
  return parts_->programs;
}

void Published::end_programs(Time clock, std::size_t count) {
  end_table(parts_->programs_head, clock, count);
}

void Published::sampled(Time clock) {
  parts_->header.sampled.store(static_cast<std::uint64_t>(clock.time_since_epoch().count()),
                               std::memory_order_relaxed);
}

bool Published::failed(ErrorCode code, Executed executed, const SocketAddress& peer) {
  return errors_.note(since_1970(), code, executed, peer);
}

void Published::stopped_for_want_of_memory() {
  errors_.note(since_1970(), ErrorCode::kNoMemory, "the engine ran out of memory and has stopped");
  parts_->header.ended.store(1, std::memory_order_relaxed);
}

}  // namespace homa::engine
