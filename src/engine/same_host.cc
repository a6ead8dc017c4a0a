#include "engine/same_host.h"

#include <algorithm>

namespace homa::engine {

bool SameHost::learn(const Address& peer, bool own) {
  const auto known = std::find(addresses_.begin(), addresses_.end(), peer);
  const bool here = own && peer.udp_port == udp_port_;
  if (known != addresses_.end()) {
    if (!here) addresses_.erase(known);
    return here;
  }
  if (!here || addresses_.size() == kAddressesMax) return false;
  addresses_.push_back(peer);
  return true;
}

}  // namespace homa::engine
