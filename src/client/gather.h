// The pieces of a message on their way into transmit memory: one behind the other, in as many steps
// as the copy takes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <span>

#include "homa/socket.h"

namespace homa::client {

// Refers to the caller's bytes. One thread at a time.
class Gather {
 public:
  explicit Gather(std::span<const std::byte> whole) : current_(whole), size_(whole.size()) {}
  explicit Gather(Pieces pieces) : rest_(pieces.all()) {
    constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
    for (const auto& piece : rest_) size_ += std::min(piece.size(), kMost - size_);
  }

  std::size_t size() const { return size_; }  // of the message
  std::size_t copied() const { return copied_; }

  // Copies the next bytes. `to` has no more of them than are left.
  void copy_to(std::span<std::byte> to) {
    copied_ += to.size();
    for (;;) {
      const std::size_t bytes = std::min(current_.size(), to.size());
      if (bytes > 0) std::memcpy(to.data(), current_.data(), bytes);
      current_ = current_.subspan(bytes);
      to = to.subspan(bytes);
      if (to.empty() || rest_.empty()) return;
      current_ = rest_.front();
      rest_ = rest_.subspan(1);
    }
  }

 private:
  std::span<const std::byte> current_;
  std::span<const Pieces::Piece> rest_;
  std::size_t size_ = 0, copied_ = 0;
};

}  // namespace homa::client
