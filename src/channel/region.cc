#include "channel/region.h"

#include <bit>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/failure.h"

namespace homa::channel {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint32_t kEntriesMax = 1U << 20;
constexpr std::uint64_t kTransmitBytesMax = std::uint64_t{1} << 40;

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

Unexpected<Error> invalid(std::string text) {
  return failure(ErrorCode::kInvalidArgument, std::move(text));
}

Layout lay_out(const ChannelConfig& config) {
  Layout layout;
  layout.submission_entries = config.submission_entries;
  layout.completion_entries = config.completion_entries;
  layout.wake = round_up(sizeof(Header), kCacheLine);
  layout.submissions = layout.wake + round_up(sizeof(WakeWord) * kWakeWords, kCacheLine);
  layout.completions = layout.submissions + sizeof(Submission) * config.submission_entries;
  layout.transmit =
      round_up(layout.completions + sizeof(Completion) * config.completion_entries, kPage);
  layout.transmit_bytes = round_up(config.transmit_bytes, kPage);
  layout.region_bytes = layout.transmit + layout.transmit_bytes;
  return layout;
}

Unexpected<Error> wrong(const char* what, std::uint64_t is, std::uint64_t must_be) {
  return invalid(std::string("a channel's header is broken: ") + what + " is " +
                 std::to_string(is) + ", not " + std::to_string(must_be));
}

// Whether `layout` is what lay_out() gives for its sizes and fits into memory of `bytes`.
Result<void, Error> check(const Layout& layout, std::uint64_t bytes) {
  if (layout.magic != kMagic) return invalid("the memory holds no channel");
  if (layout.version != kVersion) return wrong("the version", layout.version, kVersion);
  const ChannelConfig config{layout.submission_entries, layout.completion_entries,
                             layout.transmit_bytes};
  if (auto valid = config.validate(); !valid) return valid;
  const Layout right = lay_out(config);
  const struct {
    const char* name;
    std::uint64_t is, must_be;
  } fields[] = {
      {"the number of wake words", layout.wake_words, right.wake_words},
      {"the submission ring's offset", layout.submissions, right.submissions},
      {"the completion ring's offset", layout.completions, right.completions},
      {"the wake words' offset", layout.wake, right.wake},
      {"transmit memory's offset", layout.transmit, right.transmit},
      {"transmit memory's size", layout.transmit_bytes, right.transmit_bytes},
      {"the region's size", layout.region_bytes, right.region_bytes},
      {"the memory's size", bytes, right.region_bytes},
  };
  for (const auto& field : fields) {
    if (field.is != field.must_be) return wrong(field.name, field.is, field.must_be);
  }
  return {};
}

}  // namespace

Result<void, Error> ChannelConfig::validate() const {
  for (const std::uint32_t entries : {submission_entries, completion_entries}) {
    if (!std::has_single_bit(entries) || entries < 2 || entries > kEntriesMax) {
      return invalid("a channel's rings have a power of two entries, 2 to 1048576, not " +
                     std::to_string(entries));
    }
  }
  if (transmit_bytes < kPage || transmit_bytes > kTransmitBytesMax) {
    return invalid("transmit memory is 4 KiB to 1 TiB, not " + std::to_string(transmit_bytes) +
                   " bytes");
  }
  return {};
}

Result<std::shared_ptr<Region>, Error> Region::make(Result<base::Mapping, Error> mapping,
                                                    const Layout& layout) {
  if (!mapping) return Unexpected(mapping.error());
  return std::shared_ptr<Region>(new Region(std::move(mapping).value(), layout));
}

Result<std::shared_ptr<Region>, Error> Region::create(const ChannelConfig& config) {
  if (auto valid = config.validate(); !valid) return Unexpected(valid.error());
  const Layout layout = lay_out(config);
  auto region = make(base::Mapping::create(layout.region_bytes), layout);
  if (region) (new (&(*region)->header()) Header)->layout = layout;
  return region;
}

Result<std::shared_ptr<Region>, Error> Region::create_shared(const ChannelConfig& config) {
  if (auto valid = config.validate(); !valid) return Unexpected(valid.error());
  const Layout layout = lay_out(config);
  auto region = make(base::Mapping::create_shared(layout.region_bytes), layout);
  if (region) (new (&(*region)->header()) Header)->layout = layout;
  return region;
}

Result<std::shared_ptr<Region>, Error> Region::open(base::Mapping memory) {
  if (memory.bytes().size() < sizeof(Header)) {
    return invalid("the memory is too small for a channel's header");
  }
  // A copy: the other side can still write to the original.
  Layout layout;
  std::memcpy(&layout, memory.bytes().data(), sizeof(layout));
  if (auto good = check(layout, memory.bytes().size()); !good) return Unexpected(good.error());
  return make(std::move(memory), layout);
}

Result<int, Error> Region::open_descriptor() {
  if (!signal_) {
    auto signal = Signal::create();
    if (!signal) return Unexpected(signal.error());
    signal_.emplace(std::move(signal).value());
    signal_open_.store(true, std::memory_order_release);
  }
  return signal_->reader();
}

void Region::restart() const {
  Header& all = header();
  for (auto* const index :
       {&all.submission_tail, &all.submission_head, &all.completion_tail, &all.completion_head}) {
    index->store(0, std::memory_order_relaxed);
  }
  all.completions_held.store(0, std::memory_order_relaxed);
  all.application_gone.store(0, std::memory_order_relaxed);
  all.engine_gone.store(0, std::memory_order_seq_cst);
}

void Region::set_signal(Signal signal) {
  signal_.emplace(std::move(signal));
  signal_open_.store(true, std::memory_order_release);
}

void Region::close_descriptor_reader() {
  if (signal_) signal_->close_reader();
}

template <typename T>
std::span<T> Region::part(std::uint64_t offset, std::size_t count) const {
  HOMA_CHECK(offset + sizeof(T) * count <= mapping_.bytes().size());
  return {reinterpret_cast<T*>(mapping_.bytes().data() + offset), count};
}

Header& Region::header() const { return part<Header>(0, 1)[0]; }
std::span<Submission> Region::submissions() const {
  return part<Submission>(layout_.submissions, layout_.submission_entries);
}
std::span<Completion> Region::completions() const {
  return part<Completion>(layout_.completions, layout_.completion_entries);
}
std::span<WakeWord> Region::wake_words() const { return part<WakeWord>(layout_.wake, kWakeWords); }
std::span<std::byte> Region::transmit() const {
  return part<std::byte>(layout_.transmit, layout_.transmit_bytes);
}

}  // namespace homa::channel
