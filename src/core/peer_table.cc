#include "core/peer_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "base/hash.h"

namespace homa::core {
namespace {
// Peers with RPCs may exceed peers_max by this factor before newcomers are refused.
constexpr std::size_t kHardLimitFactor = 4;
}  // namespace

std::size_t PeerTable::Hash::operator()(const Address& address) const {
  std::uint64_t high, low;
  std::memcpy(&high, address.ip.data(), 8);
  std::memcpy(&low, address.ip.data() + 8, 8);
  return base::mix(low, high ^ address.udp_port);
}

PeerTable::PeerTable(const CoreConfig& config, std::uint64_t secret)
    : config_(config),
      secret_(secret),
      buckets_(std::bit_ceil(std::max<std::size_t>(config.peers_max, 16))),
      peers_(Table::bucket_traits(buckets_.data(), buckets_.size())) {}

PeerTable::~PeerTable() {
  strangers_.clear();
  proved_.clear();
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
  while (peers_.size() >= config_.peers_max && (collect_one(strangers_) || collect_one(proved_))) {
    ++collected;
  }
  if (peers_.size() >= std::size_t{config_.peers_max} * kHardLimitFactor) return nullptr;
  Peer* peer = take();
  if (peer == nullptr) return nullptr;
  peer->address = address;
  set_life(*peer);
  peer->last_used = now;
  peer->timer.peer = peer;
  peers_.insert(*peer);
  line_of(*peer).push_back(*peer);
  last_found_ = peer;
  return peer;
}

void PeerTable::set_life(Peer& peer) {
  std::uint64_t high, low;
  std::memcpy(&high, peer.address.ip.data(), 8);
  std::memcpy(&low, peer.address.ip.data() + 8, 8);
  peer.life = base::mix(base::mix(low ^ secret_, high),
                        std::uint64_t{peer.address.udp_port} << 32 | peer.incarnation);
}

void PeerTable::learn_incarnation(Peer& peer, std::uint32_t incarnation) {
  peer.incarnation = incarnation;
  set_life(peer);
}

void PeerTable::prove(Peer& peer) {
  if (peer.proved) return;
  strangers_.erase(strangers_.iterator_to(peer));
  peer.proved = true;
  proved_.push_back(peer);
}

void PeerTable::restart(Peer& peer, std::uint32_t incarnation) {
  peer.previous_incarnation = incarnation == 0 ? 0 : peer.incarnation;
  peer.incarnation = incarnation;
  set_life(peer);
  peer.finished_below = WireId{};
  peer.cutoff_version = 0;
  peer.cutoffs_were_sent = false;
  peer.acks = AckBook{};
  if (peer.proved) {
    proved_.erase(proved_.iterator_to(peer));
    peer.proved = false;
    strangers_.push_back(peer);
  }
  peer.challenge = Challenge{};
  peer.credit = Amplification{};
}

void PeerTable::move_to_end(Time now, Peer& peer) {
  peer.last_used = now;
  ByUse& line = line_of(peer);
  line.splice(line.end(), line, line.iterator_to(peer));
}

// Only the longest unused are looked at; those with RPCs go to the end of the line.
bool PeerTable::collect_one(ByUse& among) {
  constexpr int kTries = 8;
  for (int i = 0; i < kTries && !among.empty(); ++i) {
    Peer& peer = among.front();
    if (peer.rpcs == 0) {
      forget(peer);
      return true;
    }
    among.splice(among.end(), among, among.begin());
  }
  return false;
}

void PeerTable::forget(Peer& peer) {
  if (last_found_ == &peer) last_found_ = nullptr;
  restart(peer, 0);  // forgets all
  line_of(peer).erase(line_of(peer).iterator_to(peer));
  peers_.erase(peers_.iterator_to(peer));
  peer.round_trip = Duration::zero();
  peer.questions.forget();
  peer.liveness = Liveness{};
  peer.repairs = Repairs{};
  peer.path = kAnyPath;
  peer.mtu = PathMtu{};
  peer.path_asked = 0;
  unused_.push_back(&peer);
}

}  // namespace homa::core
