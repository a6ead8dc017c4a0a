// The RPCs in progress, in slots that are used again: ours are found by their wire id, which names
// the slot, served ones by handle (the same way) or by (peer, client's id, port).
#pragma once

#include <array>
#include <boost/intrusive/list_hook.hpp>
#include <boost/intrusive/unordered_set.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/hash.h"
#include "base/types.h"
#include "core/accounts.h"
#include "core/grant_scheduler.h"
#include "core/head.h"
#include "core/message_in.h"
#include "core/message_out.h"
#include "core/packets.h"
#include "core/peer_table.h"
#include "core/progress.h"
#include "core/retry_timers.h"
#include "core/silence.h"

namespace homa::core {

struct Rpc {
  enum class State : std::uint8_t {
    kFree,
    kCalling,    // ours: the request goes out, no response byte came yet
    kReceiving,  // ours: the response arrives; served: the request arrives
    kServing,    // served: the application works on it
    kReplying,   // served: the response goes out, then waits for its ack
  };

  State state = State::kFree;
  bool is_client = false;
  bool short_call = false;                  // ours, with a request shorter than defer_bytes_min
  bool heard = false;                       // the peer showed that it knows this RPC
  bool of_stranger = false;                 // served: admitted before its client proved its address
  Head head;                                // of `in`
  Executed peer_says = Executed::kPerhaps;  // ours: of the request, when the peer ends the RPC
  Port local_port{};
  Port peer_port{};
  PathId path{};  // of the last packet that came for it
  std::uint32_t slot = 0;
  WireId client_id{};  // as its client names it on the wire
  RpcId id{};          // as our application names it
  Peer* peer = nullptr;
  // Ours: of the server's engine when the RPC began, or when it first answered; none: not known
  // yet, or a kernel's.
  Identity peer_identity = kNoIdentity;
  std::uint32_t response_limit = 0;  // served: unscheduled bytes the client takes; 0: no limit
  std::uint32_t held_grant = 0;      // while in Peer::held: up to here it may be sent then
  Cookie cookie{};
  LocalPort* port = nullptr;  // `local_port`
  Time began{};
  Time waiting_since{};  // for `buffer`, while it waits
  MessageBuffer buffer;  // of `in`
  SilenceState silence;
  MessageIn in;
  MessageOut out;
  Progress progress;  // of `in`
  GrantState grant;
  Timer timer;
  Place peer_place;      // in Peer::rpcs
  Place watch_place;     // in Peer::watch: then it has no timer
  Place turn_place;      // in Peer::questions.line: then it has no timer
  Place held_place;      // in Peer::held, while it waits for its client's proof of address
  Place unproved_place;  // among requests of strangers that arrive, or responses to them
  boost::intrusive::unordered_set_member_hook<> served_hook;

  WireId wire_id() const { return is_client ? client_id : other_side(client_id); }  // ours to send
  Way way() const { return {peer->address, path, peer->self}; }
  // Does this side send a message of it now?
  bool sending() const { return state == (is_client ? State::kCalling : State::kReplying); }
  // It waits no longer; its own timer is armed by whoever knows what follows.
  void unwatch() { peer->watch.remove(watch_place); }
};

class RpcTable {
 public:
  static constexpr unsigned kSlotBits = 20;  // docs/decisions: client ids carry their slot

  RpcTable(std::uint32_t rpcs_max, std::uint64_t first_sequence, const base::HashKey& key);
  ~RpcTable();

  // A new RPC of ours or one that `client_id` asks of us; nullptr when rpcs_max are in progress.
  Rpc* add_client(Peer& peer);
  Rpc* add_served(Peer& peer, WireId client_id, Port local_port);
  void remove(Rpc& rpc);
  // Before the first packet of an RPC of ours: its id becomes the newest, if many others had theirs
  // since. A server takes ids for old when many newer ones have finished.
  void freshen(Rpc& rpc) {
    if (rpc.peer->identity == kNoIdentity) return;  // kernels do not compare ids
    const std::uint64_t newest = rpc.peer->first_id + sequence_;
    if (newest - (raw(rpc.client_id) >> (kSlotBits + 1)) > kFresh) name_anew(rpc);
  }

  Rpc* find_client(WireId client_id);
  Rpc* find_served(const Peer& peer, WireId client_id, Port local_port);
  Rpc* find(RpcId id) const;  // by our application's name, which stays the same
  std::size_t size() const { return live_; }
  std::uint32_t clients() const { return clients_; }  // ours among them

  std::uint32_t slots() const { return used_slots_; }

  template <typename Visit>
  void for_each(Visit visit) const {
    for_each_of(0, used_slots_, visit);
  }
  // Of those in slots [begin, end), end <= slots().
  template <typename Visit>
  void for_each_of(std::uint32_t begin, std::uint32_t end, Visit visit) const {
    for (std::uint32_t slot = begin; slot < end; ++slot) {
      Rpc& rpc = at(slot);
      if (rpc.state != Rpc::State::kFree) visit(rpc);
    }
  }

 private:
  static constexpr std::uint64_t kFresh = 256;
  static constexpr std::uint32_t kChunk = 256;
  using Chunk = std::array<Rpc, kChunk>;
  struct Key {
    const Peer* peer;
    WireId client_id;
    Port local_port;
  };
  struct Hash {
    base::HashKey secret;
    std::size_t operator()(const Key& key) const {
      return base::hash_id(secret, key.peer->salt ^ raw(key.local_port), raw(key.client_id));
    }
    std::size_t operator()(const Rpc& rpc) const {
      return (*this)(Key{rpc.peer, rpc.client_id, rpc.local_port});
    }
  };
  struct Equal {
    bool operator()(const Rpc& a, const Rpc& b) const {
      return a.client_id == b.client_id && a.peer == b.peer && a.local_port == b.local_port;
    }
    bool operator()(const Key& a, const Rpc& b) const {
      return a.client_id == b.client_id && a.peer == b.peer && a.local_port == b.local_port;
    }
  };
  using Served = boost::intrusive::unordered_set<
      Rpc,
      boost::intrusive::member_hook<Rpc, boost::intrusive::unordered_set_member_hook<>,
                                    &Rpc::served_hook>,
      boost::intrusive::hash<Hash>, boost::intrusive::equal<Equal>,
      boost::intrusive::power_2_buckets<true>, boost::intrusive::constant_time_size<false>>;

  Rpc& at(std::uint32_t slot) const { return (*chunks_[slot / kChunk])[slot % kChunk]; }
  Rpc* in_slot_of(std::uint64_t id) const;
  bool grow();
  Rpc* take();
  static void settle(Rpc& rpc, std::uint32_t slot);
  void name_anew(Rpc& rpc);
  std::uint64_t sequence_towards(const Peer& peer);
  static std::uint64_t id_of(const Rpc& rpc, std::uint64_t sequence) {
    return (sequence << kSlotBits | rpc.slot) << 1;
  }

  std::uint32_t rpcs_max_;
  std::uint64_t sequence_;  // of the next id (sequence_towards)
  std::size_t live_ = 0;
  std::uint32_t clients_ = 0;
  std::uint32_t used_slots_ = 0;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<std::uint32_t> free_;  // most recently freed last: still warm
  const base::HashKey key_;
  std::vector<Served::bucket_type> buckets_;
  Served served_;
};

}  // namespace homa::core
