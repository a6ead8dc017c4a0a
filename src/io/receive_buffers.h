// The memory that packets are received into: equal buffers, each free again when the last frame in
// it was released. Last freed, first used, so that a quiet host works in cache.
#pragma once

#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/check.h"

namespace homa::io {

class ReceiveBuffers {
 public:
  static constexpr std::size_t kBufferBytes = 65'536;  // the longest datagram, or GRO's longest run
  static constexpr std::uint32_t kBuffers = 192;       // posted, waiting to be taken, and in use

  ReceiveBuffers() {
    // Pages come into being when first written: a host that sees short packets uses few.
    void* memory = mmap(nullptr, kBufferBytes * kBuffers, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    HOMA_CHECK(memory != MAP_FAILED);
    memory_ = static_cast<std::byte*>(memory);
    for (std::uint32_t i = 0; i < kBuffers; ++i) free_[i] = kBuffers - 1 - i;
  }
  ~ReceiveBuffers() { munmap(memory_, kBufferBytes * kBuffers); }
  ReceiveBuffers(const ReceiveBuffers&) = delete;
  ReceiveBuffers& operator=(const ReceiveBuffers&) = delete;

  bool empty() const { return free_count_ == 0; }
  // Not empty().
  std::uint32_t take() { return free_[--free_count_]; }
  std::byte* at(std::uint32_t buffer) const { return memory_ + buffer * kBufferBytes; }

  void set_frames(std::uint32_t buffer, std::uint32_t frames) { frames_[buffer] = frames; }
  void release_frame(std::uint64_t buffer) {
    HOMA_CHECK(buffer < kBuffers && frames_[buffer] > 0);
    if (--frames_[buffer] == 0) free_[free_count_++] = static_cast<std::uint32_t>(buffer);
  }

 private:
  std::byte* memory_ = nullptr;
  std::array<std::uint32_t, kBuffers> free_;
  std::array<std::uint32_t, kBuffers> frames_{};
  std::uint32_t free_count_ = kBuffers;
};

}  // namespace homa::io
