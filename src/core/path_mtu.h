// How many payload bytes a DATA packet to one peer may have (docs/protocol.md#path-mtu).
//
// The owner knows a limit, from its devices and routes and from ICMP messages. Where a network is
// narrower and says nothing, the peer asks for the same bytes again and again while shorter packets
// arrive: then a size that every network carries is used, and larger ones are tried with single
// messages, by halving, until the largest that arrives is known (after RFC 8899).
#pragma once

#include <cstdint>

#include "base/time.h"

namespace homa::core {

class PathMtu {
 public:
  // The way's limit is known for the first time, or anew. A new one ends every search: the way is
  // another.
  void set_limit(std::uint32_t payload_max);
  bool known() const { return limit_ != 0; }

  // What packets may have now.
  std::uint32_t payload() const { return payload_; }
  // What the packets of a message that begins now may have: payload(), or a larger size to try. One
  // message at a time tries, and only one that is longer than payload().
  std::uint32_t begin_message(Time now, std::uint32_t length) {
    return payload_ == limit_ || length <= payload_ ? payload_ : choose(now);
  }

  // A message whose longest packet had `payload` bytes has arrived whole.
  void arrived(std::uint32_t payload) {
    if (payload >= struck_) strikes_ = 0;
    if (payload >= fallen_to_) fallen_to_ = 0;
    if (tried_ != 0 && payload == tried_) try_arrived();
  }
  // The peer asked again for bytes that went in packets of `payload` bytes. Rounds of questions
  // that are clearly closer than `apart` count once. True: such packets must be cut to payload().
  bool asked_again(Time now, Duration apart, std::uint32_t payload);

 private:
  static constexpr std::uint32_t kStrikesMax = 3;  // rounds without an arrival: it does not pass
  static constexpr std::uint32_t kStrikesAfterFall = 2;  // nor does what was used since
  static constexpr std::uint32_t kFailuresMax = 2;       // of a size that is tried
  static constexpr std::uint32_t kCloseEnough = 16;
  static constexpr Duration kTryTime{1'000'000'000};         // then a try has come to nothing
  static constexpr Duration kTryAgainTime{600'000'000'000};  // the way may have become wider

  std::uint32_t choose(Time now);
  void try_arrived();
  void fall(std::uint32_t payload);

  std::uint32_t limit_ = 0;
  std::uint32_t payload_ = 0;
  std::uint32_t too_big_ = 0;  // the smallest size that seems not to arrive; limit_ + 1: none
  std::uint32_t tried_ = 0;    // by a message on its way; 0: none
  std::uint32_t strikes_ = 0;
  std::uint32_t struck_ = 0;     // the smallest size that strikes_ are about
  std::uint32_t fallen_to_ = 0;  // a size of which nothing has arrived yet; 0: none
  std::uint32_t failures_ = 0;   // of sizes at tried_
  Time last_strike_{};
  Time try_ends_{};
  Time next_try_{};
};

}  // namespace homa::core
