// How many bytes may be granted and not have arrived, over all messages (docs/protocol.md#grants).
//
// Where the rate of the link is known, the configuration says it. Where it is not, the budget grows
// with the rate at which data arrives, up to CoreConfig::max_incoming_most: what a link of that
// rate would have. A slow link behind an unknown one thus never has more than it needs.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "core/config.h"

namespace homa::core {

// For a link of 10 Gbit/s and more; a slower one counts as that.
std::uint32_t max_incoming_for(std::uint64_t bits_per_second);

// Of one network device: what a slow one was granted takes nothing from a fast one.
struct DeviceIncoming {
  std::uint32_t most = 0;   // that may be granted and not have arrived
  std::uint64_t bytes = 0;  // that are so
};

class IncomingBudget {
 public:
  // Over so long the rate is measured, at least.
  static constexpr Duration kWindow{1'000'000};

  explicit IncomingBudget(const CoreConfig& config)
      : least_(config.max_incoming), most_(config.max_incoming_most), bytes_(least_) {}

  // `received`: payload bytes since the start. Call before grants are given.
  void update(Time now, std::uint64_t received) {
    if (most_ > least_ && now - since_ >= kWindow) follow(now, received);
  }
  std::uint32_t bytes() const { return bytes_; }
  // The same for a device of another rate than the usual one's: as much more or less.
  static std::uint32_t bytes_for(const CoreConfig& config, std::uint64_t bits_per_second) {
    return static_cast<std::uint32_t>(std::uint64_t{config.max_incoming} *
                                      max_incoming_for(bits_per_second) /
                                      max_incoming_for(config.link_bits_per_second));
  }

 private:
  void follow(Time now, std::uint64_t received);

  std::uint32_t least_, most_;
  std::uint32_t bytes_;
  std::uint64_t bits_per_second_ = 0;  // the highest lately
  Time since_{};
  std::uint64_t received_ = 0;  // then
};

}  // namespace homa::core
