// The memory that packets are received into: equal buffers, each free again when the last frame in
// it was released. Last freed, first used, so that a quiet host works in cache.
#pragma once

#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/failure.h"

namespace homa::io {

class ReceiveBuffers {
 public:
  static constexpr std::size_t kBufferBytes = 65'536;  // the longest datagram, or GRO's longest run
  static constexpr std::uint32_t kBuffers = 192;       // posted, waiting to be taken, and in use

  static Result<ReceiveBuffers, Error> create() {
    // Pages come into being when first written: a host that sees short packets uses few.
    void* memory = mmap(nullptr, kBufferBytes * kBuffers, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      return failure(ErrorCode::kNoMemory, "no address space for receive buffers, " +
                                               std::to_string(kBufferBytes * kBuffers) +
                                               " bytes: " + std::strerror(errno) +
                                               ". Raise the limit (ulimit -v)");
    }
    return ReceiveBuffers(static_cast<std::byte*>(memory));
  }
  ReceiveBuffers() = default;  // has none
  ReceiveBuffers(ReceiveBuffers&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)),
        free_(other.free_),
        frames_(other.frames_),
        free_count_(std::exchange(other.free_count_, 0U)) {}
  ReceiveBuffers& operator=(ReceiveBuffers&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(free_, other.free_);
    std::swap(frames_, other.frames_);
    std::swap(free_count_, other.free_count_);
    return *this;
  }
  ~ReceiveBuffers() {
    if (memory_ != nullptr) munmap(memory_, kBufferBytes * kBuffers);
  }

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
  explicit ReceiveBuffers(std::byte* memory) : memory_(memory), free_count_(kBuffers) {
    for (std::uint32_t i = 0; i < kBuffers; ++i) free_[i] = kBuffers - 1 - i;
  }

  std::byte* memory_ = nullptr;
  std::array<std::uint32_t, kBuffers> free_{};
  std::array<std::uint32_t, kBuffers> frames_{};
  std::uint32_t free_count_ = 0;
};

}  // namespace homa::io
