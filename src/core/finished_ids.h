// Requests that ran, so that none runs again (docs/protocol.md#at-most-once). The most recent ones
// are remembered by id, in a ring of fixed size over all peers; of older ones each peer keeps the
// highest id that fell out of the ring: anything at or below it may have run and is refused.
#pragma once

#include <boost/intrusive/unordered_set.hpp>
#include <cstdint>
#include <vector>

#include "base/hash.h"
#include "base/types.h"
#include "core/peer_table.h"

namespace homa::core {

class FinishedIds {
 public:
  FinishedIds(std::uint32_t capacity, const base::HashKey& key);

  void add(Peer& peer, WireId client_id);
  // It ran, or is so old that it may have.
  bool may_have_run(const Peer& peer, WireId client_id) const;

 private:
  // Every entry is in the set, always: its hook need not know.
  using Hook = boost::intrusive::unordered_set_member_hook<
      boost::intrusive::link_mode<boost::intrusive::normal_link>>;
  struct Entry {
    Hook hook;
    Peer* peer = nullptr;    // peers are never freed, only used again: then their name differs
    std::uint64_t name = 0;  // Peer::name: a peer that was forgotten meanwhile is known again
    WireId id{};
  };
  struct Key {
    std::uint64_t name;
    WireId id;
  };
  struct Hash {
    base::HashKey secret;
    std::size_t operator()(const Key& key) const {
      return base::hash_id(secret, key.name, raw(key.id));
    }
    std::size_t operator()(const Entry& entry) const { return (*this)(Key{entry.name, entry.id}); }
  };
  struct Equal {
    bool operator()(const Entry& a, const Entry& b) const {
      return a.name == b.name && a.id == b.id;
    }
    bool operator()(const Key& a, const Entry& b) const { return a.name == b.name && a.id == b.id; }
  };
  using Set = boost::intrusive::unordered_set<
      Entry, boost::intrusive::member_hook<Entry, Hook, &Entry::hook>, boost::intrusive::hash<Hash>,
      boost::intrusive::equal<Equal>, boost::intrusive::power_2_buckets<true>,
      boost::intrusive::constant_time_size<false>>;

  // For one more id: the oldest one's when the ring is full, which then is forgotten.
  Entry& next_entry();

  std::uint32_t capacity_;
  const base::HashKey key_;
  std::vector<Entry> ring_;  // grows within what is reserved: memory is touched when it is used
  std::vector<Set::bucket_type> buckets_;
  Set set_;
  std::size_t next_ = 0;
};

}  // namespace homa::core
