#include "engine/link_load.h"

#include <algorithm>

namespace homa::engine {

void LinkLoad::update(Time now, std::uint64_t received, std::uint64_t sent) {
  const Duration passed = now - since_;
  if (passed < kWindow) return;
  const std::uint64_t most = std::max(received - received_, sent - sent_);
  busy_ = transmission_time(most, bits_per_second_) * 2 >= passed;
  since_ = now;
  received_ = received;
  sent_ = sent;
}

}  // namespace homa::engine
