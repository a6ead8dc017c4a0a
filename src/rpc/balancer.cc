#include "rpc/balancer.h"

#include <algorithm>
#include <utility>

namespace homa::rpc {

Balancer::Balancer(std::vector<SocketAddress> servers, std::uint64_t seed) : random_(seed) {
  for (const SocketAddress& address : servers) servers_.push_back({address});
  candidates_.reserve(servers_.size());
}

std::size_t Balancer::draw(std::size_t count) {
  return static_cast<std::size_t>(random_() % count);
}

std::optional<std::size_t> Balancer::pick(const std::vector<bool>& asked, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  for (const bool also_ejected : {false, true}) {
    candidates_.clear();
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      const bool ejected = servers_[i].ejected_until > now;
      if (!asked[i] && (also_ejected || !ejected)) candidates_.push_back(i);
    }
    if (!candidates_.empty()) break;
  }
  if (candidates_.empty()) return std::nullopt;
  std::size_t chosen = candidates_.front();
  if (candidates_.size() > 1) {
    // Two different ones: the second is drawn from the rest.
    std::swap(candidates_[0], candidates_[draw(candidates_.size())]);
    std::swap(candidates_[1], candidates_[1 + draw(candidates_.size() - 1)]);
    const bool second = servers_[candidates_[1]].outstanding < servers_[candidates_[0]].outstanding;
    chosen = candidates_[second ? 1 : 0];
  }
  ++servers_[chosen].outstanding;
  return chosen;
}

void Balancer::finished(std::size_t server, bool worked, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  Server& it = servers_[server];
  --it.outstanding;
  if (worked) {
    it.failures = 0;
    budget_ = std::min(budget_ + 1, kRetriesMax * 10);
    return;
  }
  if (++it.failures < kFailuresMax) return;
  const unsigned doublings = std::min(it.failures - kFailuresMax, 10U);
  it.ejected_until =
      now + std::min<std::chrono::milliseconds>(kEjectionFirst * (1 << doublings), kEjectionMost);
}

void Balancer::abandoned(std::size_t server) {
  const std::lock_guard lock(mutex_);
  --servers_[server].outstanding;
}

bool Balancer::may_retry() {
  const std::lock_guard lock(mutex_);
  if (budget_ < 10) return false;
  budget_ -= 10;
  return true;
}

}  // namespace homa::rpc
