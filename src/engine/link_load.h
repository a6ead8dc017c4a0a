// How busy the link is, by what an engine moved over it: whether it pays to wait for more packets
// than one.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace homa::engine {

class LinkLoad {
 public:
  explicit LinkLoad(std::uint64_t bits_per_second) : bits_per_second_(bits_per_second) {}

  // `received` and `sent`: payload bytes since the start. Call often; it looks every kWindow.
  void update(Time now, std::uint64_t received, std::uint64_t sent);
  // At least half of the link's rate was used in one direction lately.
  bool busy() const { return busy_; }

 private:
  static constexpr Duration kWindow{2'000'000};

  std::uint64_t bits_per_second_;
  Time since_{};
  std::uint64_t received_ = 0, sent_ = 0;  // at since_
  bool busy_ = false;
};

}  // namespace homa::engine
