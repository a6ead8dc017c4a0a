#include "core/peer_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "base/hash.h"

namespace homa::core {
namespace {
// Peers in use may exceed peers_max by this factor before newcomers are refused.
constexpr std::size_t kHardLimitFactor = 4;
}  // namespace

std::size_t PeerTable::Hash::operator()(const Address& address) const {
  std::uint64_t high, low;
  std::memcpy(&high, address.ip.data(), 8);
  std::memcpy(&low, address.ip.data() + 8, 8);
  return base::mix(low, high ^ address.udp_port);
}

PeerTable::PeerTable(const CoreConfig& config)
    : config_(config),
      buckets_(std::bit_ceil(std::max<std::size_t>(config.peers_max, 16))),
      peers_(Table::bucket_traits(buckets_.data(), buckets_.size())) {}

PeerTable::~PeerTable() {
  by_use_.clear();
  peers_.clear();
}

Peer* PeerTable::look_up(const Address& address) {
  const auto found = peers_.find(address, Hash{}, Equal{});
  if (found == peers_.end()) return nullptr;
  last_found_ = &*found;
  return last_found_;
}

// nullptr: there is no memory for a further peer.
Peer* PeerTable::take() try {
  if (!unused_.empty()) {
    Peer* const peer = unused_.back();
    unused_.pop_back();
    return peer;
  }
  // Forgetting a peer needs no memory later.
  if (storage_.size() >= unused_.capacity()) unused_.reserve(2 * storage_.size() + 16);
  return &storage_.emplace_back();
} catch (const std::bad_alloc&) {
  return nullptr;
}

Peer* PeerTable::get(Time now, const Address& address, std::uint32_t& collected) {
  collected = 0;
  if (Peer* peer = find(address)) {
    touch(now, *peer);
    return peer;
  }
  while (peers_.size() >= config_.peers_max && collect_one(now)) ++collected;
  if (peers_.size() >= std::size_t{config_.peers_max} * kHardLimitFactor) return nullptr;
  Peer* peer = take();
  if (peer == nullptr) return nullptr;
  peer->address = address;
  peer->life = ++lives_;
  peer->last_used = now;
  peer->timer.peer = peer;
  peers_.insert(*peer);
  by_use_.push_back(*peer);
  last_found_ = peer;
  return peer;
}

void PeerTable::restart(Peer& peer, std::uint32_t incarnation) {
  peer.previous_incarnation = incarnation == 0 ? 0 : peer.incarnation;
  peer.incarnation = incarnation;
  peer.life = ++lives_;
  peer.finished_below = WireId{};
  peer.cutoff_version = 0;
  peer.cutoffs_were_sent = false;
  peer.acks = AckBook{};
  peer.proved = false;
  peer.challenge = Challenge{};
}

void PeerTable::move_to_end(Time now, Peer& peer) {
  peer.last_used = now;
  by_use_.splice(by_use_.end(), by_use_, by_use_.iterator_to(peer));
}

// Only the longest unused are looked at; those still in use go to the end of the line.
bool PeerTable::collect_one(Time now) {
  constexpr int kTries = 8;
  for (int i = 0; i < kTries && !by_use_.empty(); ++i) {
    Peer& peer = by_use_.front();
    if (now - peer.last_used < config_.peer_idle) return false;
    if (peer.rpcs > 0) {
      peer.last_used = now;
      by_use_.splice(by_use_.end(), by_use_, by_use_.begin());
      continue;
    }
    if (last_found_ == &peer) last_found_ = nullptr;
    by_use_.pop_front();
    peers_.erase(peers_.iterator_to(peer));
    restart(peer, 0);  // forgets all
    peer.round_trip = Duration::zero();
    peer.questions.forget();
    peer.liveness = Liveness{};
    peer.repairs = Repairs{};
    peer.path = kAnyPath;
    peer.mtu = PathMtu{};
    peer.path_asked = 0;
    unused_.push_back(&peer);
    return true;
  }
  return false;
}

}  // namespace homa::core
