// The hosts that we talk with (docs/protocol.md#identity): who they are and where, their cutoffs,
// acks owed to them, grants among their messages, their life. When there are many, those without
// RPCs give way: first strangers, that is peers that have not proved their address, then the
// others.
#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/unordered_set.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <vector>

#include "base/hash.h"
#include "base/sip_hash.h"
#include "base/time.h"
#include "core/ack_book.h"
#include "core/amplification.h"
#include "core/busy_ration.h"
#include "core/challenge.h"
#include "core/config.h"
#include "core/grant_scheduler.h"
#include "core/liveness.h"
#include "core/packets.h"
#include "core/path_mtu.h"
#include "core/peer_shares.h"
#include "core/priority_map.h"
#include "core/questions.h"
#include "core/repairs.h"
#include "core/resend_budget.h"
#include "core/retry_timers.h"
#include "core/rpc_line.h"
#include "core/watch.h"
#include "homa/address.h"

namespace homa::core {

struct Uplink;

// A kernel drops longer messages without a word.
inline constexpr std::uint32_t kKernelMessageBytesMax = 1'000'000;

// The ids towards a peer begin at the sum of two random numbers, the host's and the peer's. Both
// are in the lower part of what there is, so that ids never wrap (docs/protocol.md#at-most-once).
inline constexpr std::uint64_t kFirstIdMask = (1ULL << 41) - 1;

// What is known of a host. It is forgotten as a whole when the record is used for another one.
struct PeerFacts {
  Identity identity = kNoIdentity;  // none: a kernel's, or not heard yet
  Identity self = kNoIdentity;      // ours towards it
  Address address;                  // where it is, or seems to be while that is not proved
  PathId path{};                    // of its last packet from there
  // What is sent to its address arrives at it: it sent back what nobody else could know.
  bool proved = false;
  bool was_proved = false;       // so at some time
  Challenge challenge;           // whether it is at its address
  Amplification credit;          // what may be sent there until that is proved
  Challenge move;                // whether it is at another one
  std::optional<Time> replaced;  // since when another is at its address, and it was not heard since
  std::uint64_t life = 0;        // unique number of this record
  // Secret numbers: `name` belongs to the identity and outlives this record, `salt` to the record.
  std::uint64_t name = 0, salt = 0;
  std::uint64_t first_id = 0;  // secret: our ids towards it count from here
  std::uint64_t id_key = 0;    // secret: of the order of our ids towards it, if it is a kernel
  Time last_used{};
  Cutoffs cutoffs{};
  std::uint16_t cutoff_version = 0;  // of `cutoffs`; 0: none arrived
  Time cutoffs_sent{};               // when ours went to it last
  bool cutoffs_were_sent = false;
  AckBook acks;
  Liveness liveness;
  BusyRation busy;
  ResendBudget resends;
  Repairs repairs;
  PathMtu mtu;
  Uplink* link = nullptr;        // that its packets leave by; nullptr: the usual one
  std::uint32_t path_asked = 0;  // in which generation of paths its own was asked for; 0: never
  std::uint32_t message_bytes_max = 0;  // that it takes, as it said; 0: it did not
  WireId finished_below{};              // requests up to this id may have run (FinishedIds)

  Way way() const { return {address, path, self}; }
  // The longest message that it takes, as far as is known: of a kernel it is known once it was
  // heard.
  std::uint32_t longest_message() const {
    if (message_bytes_max != 0) return message_bytes_max;
    return identity == kNoIdentity && heard() ? kKernelMessageBytesMax : ~std::uint32_t{0};
  }
  bool heard() const { return liveness.last_heard() != Time{}; }
};

// The lines are empty, and nobody refers to it, when the record is used for another host.
struct Peer : PeerFacts {
  RpcLine rpcs;  // in progress with it: they keep it from being collected
  RpcLine held;  // responses of which more was granted than `credit` allowed
  PeerGrants grants;
  Questions questions;
  PeerShares memory;
  Watch watch;
  Timer timer;  // of watch and of who waits in questions.line

  // It is the one whom we call at its address.
  bool settled() const { return place_hook.is_linked(); }

  boost::intrusive::unordered_set_member_hook<> name_hook, place_hook;
  boost::intrusive::list_member_hook<> use_hook;
};

class PeerTable {
 public:
  // `random` gives the secrets that identities, ids and hashes are made of.
  PeerTable(const CoreConfig& config, std::mt19937_64& random);
  ~PeerTable();

  // Whose packet this is: of ours by identity, of a kernel by address. nullptr: not known.
  Peer* find(Identity identity, const Address& from) {
    const bool again = last_found_ != nullptr && SameName{}(Who{identity, from}, *last_found_);
    return again ? last_found_ : look_up(identity, from);
  }
  // Whom we call at that address. nullptr: nobody was called or heard there.
  Peer* at(const Address& address) {
    const bool again = last_called_ != nullptr && last_called_->address == address;
    return again ? last_called_ : look_up(address);
  }
  // One who is not known. nullptr: full, and all have RPCs.
  Peer* add(Time now, Identity identity, const Address& address, std::uint32_t& collected);
  void prove(Peer& peer);
  // It may not be at its address any more.
  void doubt(Peer& peer);
  // A peer without an identity has shown one.
  void name(Peer& peer, Identity identity);
  // From now on it is the one whom we call at `address`. Returns who was, if another.
  Peer* settle(Peer& peer, const Address& address);
  // Whoever is called there next is not this one.
  void unsettle(Peer& peer);
  // Who we are towards a host at `address` that has no record.
  Identity self_towards(const Address& address) const;
  const base::HashKey& hash_key() const { return key_; }

  // Notes that the peer is in use; cheap when called often.
  void touch(Time now, Peer& peer) {
    if (now - peer.last_used >= kTouchGranularity) move_to_end(now, peer);
  }
  std::size_t size() const { return strangers_.size() + proved_.size(); }

 private:
  struct Who {
    Identity identity;
    const Address& address;  // counts only without an identity
  };
  struct NameHash {
    base::HashKey key;
    std::size_t operator()(const Who& who) const;
    std::size_t operator()(const Peer& peer) const {
      return (*this)(Who{peer.identity, peer.address});
    }
  };
  struct SameName {
    bool operator()(const Who& a, const Peer& b) const {
      return a.identity == b.identity && (a.identity != kNoIdentity || a.address == b.address);
    }
    bool operator()(const Peer& a, const Peer& b) const {
      return (*this)(Who{a.identity, a.address}, b);
    }
  };
  struct PlaceHash {
    base::HashKey key;
    std::size_t operator()(const Address& address) const;
    std::size_t operator()(const Peer& peer) const { return (*this)(peer.address); }
  };
  struct SamePlace {
    bool operator()(const Peer& a, const Peer& b) const { return a.address == b.address; }
    bool operator()(const Address& a, const Peer& b) const { return a == b.address; }
  };
  using ByName = boost::intrusive::unordered_set<
      Peer,
      boost::intrusive::member_hook<Peer, boost::intrusive::unordered_set_member_hook<>,
                                    &Peer::name_hook>,
      boost::intrusive::hash<NameHash>, boost::intrusive::equal<SameName>,
      boost::intrusive::power_2_buckets<true>>;
  using ByPlace = boost::intrusive::unordered_set<
      Peer,
      boost::intrusive::member_hook<Peer, boost::intrusive::unordered_set_member_hook<>,
                                    &Peer::place_hook>,
      boost::intrusive::hash<PlaceHash>, boost::intrusive::equal<SamePlace>,
      boost::intrusive::power_2_buckets<true>>;
  using ByUse = boost::intrusive::list<
      Peer,
      boost::intrusive::member_hook<Peer, boost::intrusive::list_member_hook<>, &Peer::use_hook>>;

  // Of last_used and of the order by use.
  static constexpr Duration kTouchGranularity{1'000'000'000};

  Peer* look_up(Identity identity, const Address& from);
  Peer* look_up(const Address& address);
  void move_to_end(Time now, Peer& peer);
  Peer* take();
  void give_name(Peer& peer);
  bool collect_one(ByUse& among);
  void forget(Peer& peer);
  ByUse& line_of(const Peer& peer) { return peer.proved ? proved_ : strangers_; }

  const CoreConfig& config_;
  const base::SipKey secret_;
  const base::HashKey key_;
  std::uint64_t lives_ = 0;
  Peer* last_found_ = nullptr;
  Peer* last_called_ = nullptr;
  std::deque<Peer> storage_;  // never shrinks: a collected peer's place is used again
  std::vector<Peer*> unused_;
  std::vector<ByName::bucket_type> name_buckets_;
  std::vector<ByPlace::bucket_type> place_buckets_;
  ByName by_name_;            // all but those whose identity another record has
  ByPlace by_place_;          // one for each address
  ByUse strangers_, proved_;  // longest unused first, within kTouchGranularity
};

}  // namespace homa::core
