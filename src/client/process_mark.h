// Tells the process that opened a host from the children that it forks, at the cost of one read.
//
// A child gets copies of the host's memory and descriptors, but none of the library's threads, and
// locks that threads held at the fork stay locked for ever. So a child must not touch its copies;
// everything public asks here first.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "homa/error.h"
#include "homa/result.h"

namespace homa::client {

class ProcessMark {
 public:
  // kSystem, kNoMemory.
  static Result<ProcessMark, Error> create();
  ProcessMark(ProcessMark&& other) noexcept : mark_(std::exchange(other.mark_, nullptr)) {}
  ProcessMark& operator=(ProcessMark&& other) noexcept {
    std::swap(mark_, other.mark_);
    return *this;
  }
  ~ProcessMark();

  // The calling process is a child of the one that called create().
  bool inherited() const { return mark_->load(std::memory_order_relaxed) == 0; }

 private:
  explicit ProcessMark(std::atomic<std::uint32_t>* mark) : mark_(mark) {}

  std::atomic<std::uint32_t>* mark_;  // in a page that the kernel clears in children
};

// What calls in a child say.
Error wrong_process();

}  // namespace homa::client
