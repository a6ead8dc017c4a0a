#include "core/path_mtu.h"

#include <algorithm>
#include <array>

namespace homa::core {
namespace {

// Payload that passes an MTU of 1280, which IPv6 demands of every network, and one of 576, with the
// headers of IPv6, UDP and DATA.
constexpr std::array<std::uint32_t, 2> kSafe{1'172, 468};

}  // namespace

void PathMtu::set_limit(std::uint32_t payload_max) {
  if (payload_max == limit_) return;
  *this = PathMtu{};
  limit_ = payload_ = payload_max;
  too_big_ = limit_ + 1;
}

std::uint32_t PathMtu::choose(Time now) {
  if (now < next_try_) return payload_;
  if (tried_ != 0 && now < try_ends_) return payload_;
  if (too_big_ - payload_ <= kCloseEnough) {  // found; much later once more from the top
    too_big_ = limit_ + 1;
    tried_ = 0;
    next_try_ = now + kTryAgainTime;
    return payload_;
  }
  // Where nothing is known to fail, the limit itself comes first.
  tried_ = too_big_ > limit_ ? limit_ : payload_ + (too_big_ - payload_) / 2;
  try_ends_ = now + kTryTime;
  return tried_;
}

void PathMtu::try_arrived() {
  payload_ = tried_;
  tried_ = failures_ = 0;
}

// Packets of `payload` bytes do not arrive.
void PathMtu::fall(std::uint32_t payload) {
  const auto* const safe =
      std::find_if(kSafe.begin(), kSafe.end(), [&](std::uint32_t s) { return s < payload; });
  too_big_ = payload;
  payload_ = fallen_to_ = std::min(payload_, *safe);
  tried_ = failures_ = 0;
}

bool PathMtu::asked_again(Time now, Duration apart, std::uint32_t payload) {
  if (payload > payload_) {  // a try, or from before the size fell
    if (payload == tried_) {
      if (++failures_ >= kFailuresMax) {
        too_big_ = tried_;
        failures_ = 0;
      }
      tried_ = 0;
      next_try_ = now + apart;
    }
    return true;
  }
  if (payload <= kSafe.back()) return false;
  // Questions that were `apart` on their way out may come a little closer.
  if (strikes_ > 0 && now - last_strike_ < apart * 3 / 4) return false;
  last_strike_ = now;
  struck_ = strikes_ == 0 ? payload : std::min(struck_, payload);
  if (++strikes_ < (fallen_to_ != 0 ? kStrikesAfterFall : kStrikesMax)) return false;
  strikes_ = 0;
  next_try_ = now + apart;
  fall(struck_);
  return payload > payload_;
}

}  // namespace homa::core
