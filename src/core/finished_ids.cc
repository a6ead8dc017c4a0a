#include "core/finished_ids.h"

#include <algorithm>
#include <bit>

namespace homa::core {

FinishedIds::FinishedIds(std::uint32_t capacity, const base::HashKey& key)
    : capacity_(std::max(capacity, 1U)),
      key_(key),
      buckets_(std::bit_ceil(std::max(capacity, 16U))),
      set_(Set::bucket_traits(buckets_.data(), buckets_.size()), Hash{key_}) {
  ring_.reserve(capacity_);
}

FinishedIds::Entry& FinishedIds::next_entry() {
  if (ring_.size() < capacity_) return ring_.emplace_back();
  Entry& oldest = ring_[next_];
  next_ = next_ + 1 == ring_.size() ? 0 : next_ + 1;
  set_.erase(set_.iterator_to(oldest));
  Peer& peer = *oldest.peer;
  if (peer.name == oldest.name) {
    peer.finished_below = WireId{std::max(raw(peer.finished_below), raw(oldest.id))};
  }
  return oldest;
}

void FinishedIds::add(Peer& peer, WireId client_id) {
  const Key key{peer.name, client_id};
  const auto hash = [hash = Hash{key_}(key)](const Key&) { return hash; };
  if (set_.find(key, hash, Equal{}) != set_.end()) return;
  Entry& entry = next_entry();
  entry.peer = &peer;
  entry.name = peer.name;
  entry.id = client_id;
  Set::insert_commit_data place;
  set_.insert_check(key, hash, Equal{}, place);
  set_.insert_commit(entry, place);
}

bool FinishedIds::may_have_run(const Peer& peer, WireId client_id) const {
  // A kernel's ids do not start at random, so that after its restart low ids are new again.
  if (peer.identity != kNoIdentity && raw(client_id) <= raw(peer.finished_below)) return true;
  return set_.find(Key{peer.name, client_id}, Hash{key_}, Equal{}) != set_.end();
}

}  // namespace homa::core
