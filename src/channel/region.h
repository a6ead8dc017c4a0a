// The memory of a channel, laid out and mapped. Shared by the two ends; whoever is last unmaps it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/mapping.h"
#include "channel/layout.h"
#include "channel/signal.h"
#include "homa/error.h"
#include "homa/result.h"

namespace homa::channel {

struct ChannelConfig {
  std::uint32_t submission_entries = 1024;  // powers of two, 2 .. 1 << 20
  std::uint32_t completion_entries = 4096;
  std::uint64_t transmit_bytes = 64 << 20;

  Result<void, Error> validate() const;
};

class Region {
 public:
  // In private memory, for two ends in one process. kInvalidArgument, kNoMemory (with what to do).
  static Result<std::shared_ptr<Region>, Error> create(const ChannelConfig& config);
  // In memory that another process can map, see memory().
  static Result<std::shared_ptr<Region>, Error> create_shared(const ChannelConfig& config);
  // What another process created. kInvalidArgument: `memory` holds no region of this version whose
  // parts all lie where they have to; the text says what is wrong.
  static Result<std::shared_ptr<Region>, Error> open(base::Mapping memory);

  // As it was at creation; not what the other side may have made of it since.
  const Layout& layout() const { return layout_; }
  Header& header() const;
  std::span<Submission> submissions() const;
  std::span<Completion> completions() const;
  std::span<WakeWord> wake_words() const;
  std::span<std::byte> transmit() const;
  const base::Mapping& memory() const { return mapping_; }
  // No engine has the region any more, and another one is to get it: the rings are empty again, and
  // neither end is gone.
  void restart() const;
  // For an end that passes the memory on to nobody: a descriptor less.
  void close_descriptor() { mapping_.close_descriptor(); }

  // A descriptor that is readable while the application has messages to receive. Few ask for it, so
  // it is made when the application first does: kSystem. One thread at a time.
  Result<int, Error> open_descriptor();
  // The application's end is gone: who still polls its descriptor is told no more.
  void close_descriptor_reader();
  // The engine's end in another process: what to raise, instead of the one before.
  void set_signal(Signal signal);
  // nullptr: nobody asked for it. Any thread.
  const Signal* signal() const {
    return signal_open_.load(std::memory_order_acquire) ? &*signal_ : nullptr;
  }

  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

 private:
  Region(base::Mapping mapping, const Layout& layout)
      : mapping_(std::move(mapping)), layout_(layout) {}
  static Result<std::shared_ptr<Region>, Error> make(Result<base::Mapping, Error> mapping,
                                                     const Layout& layout);
  template <typename T>
  std::span<T> part(std::uint64_t offset, std::size_t count) const;

  base::Mapping mapping_;
  Layout layout_;
  std::optional<Signal> signal_;
  std::atomic<bool> signal_open_{false};
};

}  // namespace homa::channel
