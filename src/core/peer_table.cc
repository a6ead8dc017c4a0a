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

struct Words {
  std::uint64_t high, low, port_and_scope;
};

Words words_of(const Address& address) {
  Words words{};
  std::memcpy(&words.high, address.ip.data(), 8);
  std::memcpy(&words.low, address.ip.data() + 8, 8);
  words.port_and_scope = std::uint64_t{address.scope} << 16 | address.udp_port;
  return words;
}

std::size_t bucket_count(const CoreConfig& config) {
  return std::bit_ceil(std::max<std::size_t>(config.peers_max, 16));
}

// What a number that is derived from the secret is for. Each use has its own.
enum class Use : std::uint64_t { kSelf, kFirstId, kName, kSalt, kIdKey };

}  // namespace

std::size_t PeerTable::NameHash::operator()(const Who& who) const {
  if (who.identity == kNoIdentity) return PlaceHash{key}(who.address);
  return base::keyed_hash(key, raw(who.identity), 0);
}

std::size_t PeerTable::PlaceHash::operator()(const Address& address) const {
  const Words words = words_of(address);
  return base::keyed_hash(key, words.low, words.high ^ words.port_and_scope << 32);
}

PeerTable::PeerTable(const CoreConfig& config, std::mt19937_64& random)
    : config_(config),
      secret_{random(), random()},
      key_{random(), random()},
      name_buckets_(bucket_count(config)),
      place_buckets_(bucket_count(config)),
      by_name_(ByName::bucket_traits(name_buckets_.data(), name_buckets_.size()), NameHash{key_}),
      by_place_(ByPlace::bucket_traits(place_buckets_.data(), place_buckets_.size()),
                PlaceHash{key_}) {}

PeerTable::~PeerTable() {
  strangers_.clear();
  proved_.clear();
  by_name_.clear();
  by_place_.clear();
}

Peer* PeerTable::look_up(Identity identity, const Address& from) {
  const auto found = by_name_.find(Who{identity, from}, NameHash{key_}, SameName{});
  if (found == by_name_.end()) return nullptr;
  last_found_ = &*found;
  return last_found_;
}

Peer* PeerTable::look_up(const Address& address) {
  const auto found = by_place_.find(address, PlaceHash{key_}, SamePlace{});
  if (found == by_place_.end()) return nullptr;
  last_called_ = &*found;
  return last_called_;
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

Peer* PeerTable::add(Time now, Identity identity, const Address& address,
                     std::uint32_t& collected) {
  collected = 0;
  while (size() >= config_.peers_max && (collect_one(strangers_) || collect_one(proved_))) {
    ++collected;
  }
  if (size() >= std::size_t{config_.peers_max} * kHardLimitFactor) return nullptr;
  Peer* peer = take();
  if (peer == nullptr) return nullptr;
  const Words words = words_of(address);
  peer->identity = identity;
  peer->self = self_towards(address);
  peer->address = address;
  peer->life = ++lives_;
  peer->salt = base::sip_hash(secret_, {raw(Use::kSalt), peer->life});
  peer->first_id =
      base::sip_hash(secret_, {raw(Use::kFirstId), words.high, words.low, words.port_and_scope}) &
      kFirstIdMask;
  peer->id_key =
      base::sip_hash(secret_, {raw(Use::kIdKey), words.high, words.low, words.port_and_scope});
  peer->last_used = now;
  peer->timer.peer = peer;
  give_name(*peer);
  line_of(*peer).push_back(*peer);
  if (at(address) == nullptr) by_place_.insert(*peer);
  return peer;
}

// Another record may have the name already: two addresses of one host are two peers for a client.
void PeerTable::give_name(Peer& peer) {
  const Words words = words_of(peer.address);
  peer.name =
      peer.identity != kNoIdentity
          ? base::sip_hash(secret_, {raw(Use::kName), raw(peer.identity)})
          : base::sip_hash(secret_, {raw(Use::kName), words.high, words.low, words.port_and_scope});
  by_name_.insert(peer);
}

void PeerTable::prove(Peer& peer) {
  if (peer.proved) return;
  strangers_.erase(strangers_.iterator_to(peer));
  peer.proved = peer.was_proved = true;
  proved_.push_back(peer);
}

void PeerTable::doubt(Peer& peer) {
  if (!peer.proved) return;
  proved_.erase(proved_.iterator_to(peer));
  peer.proved = false;
  peer.credit = Amplification{};
  strangers_.push_back(peer);
}

void PeerTable::name(Peer& peer, Identity identity) {
  if (peer.name_hook.is_linked()) by_name_.erase(by_name_.iterator_to(peer));
  if (last_found_ == &peer) last_found_ = nullptr;
  peer.identity = identity;
  give_name(peer);
}

Peer* PeerTable::settle(Peer& peer, const Address& address) {
  if (peer.settled() && peer.address == address) return nullptr;
  unsettle(peer);
  Peer* former = at(address);
  if (former != nullptr) unsettle(*former);
  // Without an identity, the address is in the name.
  if (peer.identity == kNoIdentity && peer.name_hook.is_linked()) {
    by_name_.erase(by_name_.iterator_to(peer));
  }
  peer.address = address;
  if (!peer.name_hook.is_linked()) by_name_.insert(peer);
  by_place_.insert(peer);
  return former;
}

void PeerTable::unsettle(Peer& peer) {
  if (last_called_ == &peer) last_called_ = nullptr;
  if (peer.settled()) by_place_.erase(by_place_.iterator_to(peer));
}

Identity PeerTable::self_towards(const Address& address) const {
  const Words words = words_of(address);
  const std::uint64_t hash =
      base::sip_hash(secret_, {raw(Use::kSelf), words.high, words.low, words.port_and_scope});
  return Identity{hash >> 40 == 0 ? hash | 1ULL << 40 : hash};
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
    if (peer.rpcs.empty()) {
      forget(peer);
      return true;
    }
    among.splice(among.end(), among, among.begin());
  }
  return false;
}

void PeerTable::forget(Peer& peer) {
  if (last_found_ == &peer) last_found_ = nullptr;
  unsettle(peer);
  line_of(peer).erase(line_of(peer).iterator_to(peer));
  if (peer.name_hook.is_linked()) by_name_.erase(by_name_.iterator_to(peer));
  static_cast<PeerFacts&>(peer) = PeerFacts{};
  peer.grants.device = nullptr;
  peer.questions.forget();
  unused_.push_back(&peer);
}

}  // namespace homa::core
