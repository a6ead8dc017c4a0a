// The hosts that we talk with (docs/protocol.md#packets): their cutoffs, acks owed to them, grants
// among their messages, their life. When there are many, those without RPCs give way: first
// strangers, that is peers that have not proved their address, then the others.
#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/unordered_set.hpp>
#include <cstdint>
#include <deque>
#include <vector>

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
#include "core/priority_map.h"
#include "core/questions.h"
#include "core/repairs.h"
#include "core/retry_timers.h"
#include "core/rpc_line.h"
#include "core/watch.h"
#include "homa/address.h"

namespace homa::core {

struct Peer {
  Address address;
  PathId path{};  // of its last packet
  // Of this address and incarnation, and of no other: the same again if the record gave way and
  // the peer comes back.
  std::uint64_t life = 0;
  std::uint32_t incarnation = 0;           // of its engine; 0: not heard yet, or a kernel
  std::uint32_t previous_incarnation = 0;  // before its last restart; 0: none
  std::uint32_t rpcs = 0;                  // in progress with it: keeps it from being collected
  // It receives what is sent to its address: it sent back what nobody else could know. Never true
  // of a kernel's address, unless that answered an RPC of ours.
  bool proved = false;
  Challenge challenge;   // whether it is at its address
  Amplification credit;  // what may be sent there until then
  RpcLine held;          // responses of which more was granted than `credit` allowed
  Time last_used{};
  Cutoffs cutoffs{};
  std::uint16_t cutoff_version = 0;  // of `cutoffs`; 0: none arrived
  Time cutoffs_sent{};               // when ours went to it last
  bool cutoffs_were_sent = false;
  AckBook acks;
  PeerGrants grants;
  Liveness liveness;
  Questions questions;
  BusyRation busy;
  Watch watch;
  Repairs repairs;
  Timer timer;             // of watch and of who waits in questions.line
  Duration round_trip{0};  // shortest seen; 0: none yet
  PathMtu mtu;
  std::uint32_t path_asked = 0;  // in which generation of paths its own was asked for; 0: never
  WireId finished_below{};       // requests up to this id may have run (FinishedIds)

  Way way() const { return {address, path}; }

  boost::intrusive::unordered_set_member_hook<> table_hook;
  boost::intrusive::list_member_hook<> use_hook;
};

class PeerTable {
 public:
  // `secret` is random: nobody else can tell which peers collide.
  PeerTable(const CoreConfig& config, std::uint64_t secret);
  ~PeerTable();

  Peer* find(const Address& address) {
    const bool again = last_found_ != nullptr && last_found_->address == address;
    return again ? last_found_ : look_up(address);
  }
  // Finds or makes. nullptr: full, and all have RPCs.
  Peer* get(Time now, const Address& address, std::uint32_t& collected);
  // The first packet of its engine that says which one it is.
  void learn_incarnation(Peer& peer, std::uint32_t incarnation);
  void prove(Peer& peer);
  // The peer's engine restarted: nothing known of its requests holds any longer.
  void restart(Peer& peer, std::uint32_t incarnation);
  // Notes that the peer is in use; cheap when called often.
  void touch(Time now, Peer& peer) {
    if (now - peer.last_used >= kTouchGranularity) move_to_end(now, peer);
  }
  std::size_t size() const { return peers_.size(); }

 private:
  struct Hash {
    std::size_t operator()(const Address& address) const;
    std::size_t operator()(const Peer& peer) const { return (*this)(peer.address); }
  };
  struct Equal {
    bool operator()(const Peer& a, const Peer& b) const { return a.address == b.address; }
    bool operator()(const Address& a, const Peer& b) const { return a == b.address; }
  };
  using Table = boost::intrusive::unordered_set<
      Peer,
      boost::intrusive::member_hook<Peer, boost::intrusive::unordered_set_member_hook<>,
                                    &Peer::table_hook>,
      boost::intrusive::hash<Hash>, boost::intrusive::equal<Equal>,
      boost::intrusive::power_2_buckets<true>>;
  using ByUse = boost::intrusive::list<
      Peer,
      boost::intrusive::member_hook<Peer, boost::intrusive::list_member_hook<>, &Peer::use_hook>>;

  // Of last_used and of the order by use.
  static constexpr Duration kTouchGranularity{1'000'000'000};

  void move_to_end(Time now, Peer& peer);
  Peer* look_up(const Address& address);
  Peer* take();
  bool collect_one(ByUse& among);
  void forget(Peer& peer);
  void set_life(Peer& peer);
  ByUse& line_of(const Peer& peer) { return peer.proved ? proved_ : strangers_; }

  const CoreConfig& config_;
  const std::uint64_t secret_;
  Peer* last_found_ = nullptr;
  std::deque<Peer> storage_;  // never shrinks: a collected peer's place is used again
  std::vector<Peer*> unused_;
  std::vector<Table::bucket_type> buckets_;
  Table peers_;
  ByUse strangers_, proved_;  // longest unused first, within kTouchGranularity
};

}  // namespace homa::core
