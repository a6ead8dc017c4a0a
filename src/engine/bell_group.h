// The channels that ring one doorbell: each has a number in it, which is its bit, and an index
// among all channels of the engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "channel/doorbell.h"

namespace homa::engine {

class BellGroup {
 public:
  explicit BellGroup(std::shared_ptr<channel::Doorbell> doorbell) : watch_(std::move(doorbell)) {}

  // A number for the channel `index`; nullopt: all are in use. Throws std::bad_alloc.
  std::optional<std::uint32_t> add(std::uint16_t index) {
    if (free_.empty()) {
      if (indices_.size() == channel::Doorbell::kChannels) return std::nullopt;
      // remove() needs no memory then.
      if (indices_.size() == free_.capacity()) free_.reserve(2 * indices_.size() + 16);
      indices_.push_back(kNone);
      free_.push_back(static_cast<std::uint32_t>(indices_.size() - 1));
    }
    const std::uint32_t number = free_.back();
    free_.pop_back();
    indices_[number] = index;
    return number;
  }
  // The channel of that number; nullopt: there is none.
  std::optional<std::uint16_t> index(std::uint32_t number) const {
    if (number >= indices_.size() || indices_[number] == kNone) return std::nullopt;
    return indices_[number];
  }
  void remove(std::uint32_t number) {
    watch_.stop(number);
    indices_[number] = kNone;
    free_.push_back(number);
  }

  // Calls look(index) for channels that rang, `at_most` of them.
  template <typename Look>
  void take(std::size_t at_most, Look look) {
    watch_.take(at_most, [&](std::uint32_t number) {
      if (number < indices_.size() && indices_[number] != kNone) {
        look(indices_[number]);
      } else {
        watch_.stop(number);
      }
    });
  }
  // The channel is watched no more: see channel::DoorbellWatch::stop().
  void stop(std::uint32_t number) { watch_.stop(number); }
  const std::shared_ptr<channel::Doorbell>& doorbell() const { return watch_.doorbell(); }

 private:
  static constexpr std::uint16_t kNone = 0xffff;

  channel::DoorbellWatch watch_;
  std::vector<std::uint16_t> indices_;  // by number
  std::vector<std::uint32_t> free_;     // numbers
};

}  // namespace homa::engine
