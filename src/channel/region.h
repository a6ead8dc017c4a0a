// The memory of a channel, laid out and mapped. Shared by the two ends; whoever is last unmaps it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "channel/layout.h"
#include "homa/error.h"
#include "homa/result.h"

namespace homa::channel {

struct ChannelConfig {
  std::uint32_t submission_entries = 1024;  // powers of two, 2 .. 1 << 20
  std::uint32_t completion_entries = 4096;
  std::uint64_t transmit_bytes = 64 << 20;

  Result<void, Error> validate() const;
};

// Zeroed memory that costs nothing until it is written.
class Mapping {
 public:
  static Result<Mapping, Error> create(std::uint64_t bytes);
  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();
  std::span<std::byte> bytes() const { return bytes_; }

 private:
  std::span<std::byte> bytes_;
};

class Region {
 public:
  // kInvalidArgument, kNoMemory (with what to do).
  static Result<std::shared_ptr<Region>, Error> create(const ChannelConfig& config);

  // As it was at creation; not what the other side may have made of it since.
  const Layout& layout() const { return layout_; }
  Header& header() const;
  std::span<Submission> submissions() const;
  std::span<Completion> completions() const;
  std::span<WakeWord> wake_words() const;
  std::span<std::byte> transmit() const;
  // An eventfd: readable while the application has messages to receive, once it asked for that.
  int descriptor() const { return descriptor_; }

  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

 private:
  Region(Mapping mapping, const Layout& layout, int descriptor)
      : mapping_(std::move(mapping)), layout_(layout), descriptor_(descriptor) {}
  template <typename T>
  std::span<T> part(std::uint64_t offset, std::size_t count) const;

  Mapping mapping_;
  Layout layout_;
  int descriptor_;
};

}  // namespace homa::channel
