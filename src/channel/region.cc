#include "channel/region.h"

#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "base/check.h"
#include "channel/wake.h"

namespace homa::channel {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint32_t kEntriesMax = 1U << 20;
constexpr std::uint64_t kTransmitBytesMax = std::uint64_t{1} << 40;

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

Unexpected<Error> invalid(std::string text) {
  return Unexpected(Error{ErrorCode::kInvalidArgument, std::move(text)});
}

Layout lay_out(const ChannelConfig& config) {
  Layout layout;
  layout.submission_entries = config.submission_entries;
  layout.completion_entries = config.completion_entries;
  layout.submissions = round_up(sizeof(Header), kCacheLine);
  layout.completions = layout.submissions + sizeof(Submission) * config.submission_entries;
  layout.wake = layout.completions + sizeof(Completion) * config.completion_entries;
  layout.transmit = round_up(layout.wake + sizeof(WakeWord) * kWakeWords, kPage);
  layout.transmit_bytes = round_up(config.transmit_bytes, kPage);
  layout.region_bytes = layout.transmit + layout.transmit_bytes;
  return layout;
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

Result<Mapping, Error> Mapping::create(std::uint64_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return Unexpected(Error{ErrorCode::kNoMemory, "cannot map " + std::to_string(bytes) +
                                                      " bytes: " + std::strerror(errno) +
                                                      "; configure less memory"});
  }
  Mapping mapping;
  mapping.bytes_ = {static_cast<std::byte*>(memory), bytes};
  return mapping;
}

Mapping::Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

Mapping::~Mapping() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

Result<std::shared_ptr<Region>, Error> Region::create(const ChannelConfig& config) {
  if (auto valid = config.validate(); !valid) return Unexpected(valid.error());
  const Layout layout = lay_out(config);
  auto mapping = Mapping::create(layout.region_bytes);
  if (!mapping) return Unexpected(mapping.error());
  const auto descriptor = create_descriptor();
  if (!descriptor) return Unexpected(descriptor.error());
  auto* header = new (mapping->bytes().data()) Header;
  header->layout = layout;
  return std::shared_ptr<Region>(new Region(std::move(mapping).value(), layout, *descriptor));
}

Region::~Region() { ::close(descriptor_); }

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
