#include "core/uplinks.h"

#include <algorithm>

namespace homa::core {

Uplink& Uplinks::of_device(std::uint32_t device, std::uint64_t bits_per_second) {
  if (device == 0 || bits_per_second == 0) return usual();
  const auto known = std::find_if(links_.begin(), links_.end(),
                                  [device](const Uplink& link) { return link.device == device; });
  if (known != links_.end()) {
    known->pacer.set_rate(bits_per_second);
    known->incoming.most = IncomingBudget::bytes_for(config_, bits_per_second);
    return *known;
  }
  if (usual().device == 0 && bits_per_second == config_.link_bits_per_second) {
    usual().device = device;
    return usual();
  }
  if (links_.size() == kMax) return usual();
  return links_.emplace_back(config_, device, bits_per_second);
}

Uplink& Uplinks::same_host() {
  const auto known = std::find_if(links_.begin(), links_.end(), [](const Uplink& link) {
    return link.device == Uplink::kSameHost;
  });
  if (known != links_.end()) return *known;
  if (links_.size() == kMax) return usual();
  return links_.emplace_back(config_, Uplink::kSameHost, 0);
}

}  // namespace homa::core
