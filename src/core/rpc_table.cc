#include "core/rpc_table.h"

#include <algorithm>
#include <bit>
#include <new>

#include "base/check.h"
#include "core/hidden_order.h"

namespace homa::core {
namespace {
// Of a sequence number: no other has it, because those begin below half of it (kFirstIdMask).
constexpr std::uint64_t kHidden = std::uint64_t{1} << HiddenOrder::kBits;
}  // namespace

RpcTable::RpcTable(std::uint32_t rpcs_max, std::uint64_t first_sequence, const base::HashKey& key)
    : rpcs_max_(rpcs_max),
      sequence_(first_sequence),
      key_(key),
      buckets_(std::bit_ceil(std::max<std::size_t>(rpcs_max, 16))),
      served_(Served::bucket_traits(buckets_.data(), buckets_.size()), Hash{key_}) {
  free_.reserve(rpcs_max);
}

RpcTable::~RpcTable() { served_.clear(); }

// A chunk for the next slot. False: there is no memory.
bool RpcTable::grow() try {
  chunks_.reserve(chunks_.size() + 1);
  chunks_.push_back(std::make_unique<Chunk>());
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

Rpc* RpcTable::take() {
  std::uint32_t slot;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
  } else {
    if (used_slots_ >= rpcs_max_) return nullptr;
    if (used_slots_ / kChunk == chunks_.size() && !grow()) return nullptr;
    slot = used_slots_++;
    settle(at(slot), slot);
  }
  ++live_;
  Rpc& rpc = at(slot);
  rpc.heard = false;
  rpc.silence = SilenceState{};
  rpc.response_limit = 0;
  rpc.peer_identity = kNoIdentity;
  rpc.path = kAnyPath;
  rpc.cookie = Cookie{};
  return &rpc;
}

// What stays the same for all RPCs in a slot.
void RpcTable::settle(Rpc& rpc, std::uint32_t slot) {
  rpc.slot = slot;
  rpc.out.rpc = &rpc;
  rpc.grant.rpc = &rpc;
  rpc.timer.rpc = &rpc;
  rpc.peer_place.rpc = &rpc;
  rpc.watch_place.rpc = &rpc;
  rpc.turn_place.rpc = &rpc;
  rpc.held_place.rpc = &rpc;
  rpc.unproved_place.rpc = &rpc;
  rpc.buffer.rpc = &rpc;
}

// An id is a sequence number, the slot, and the side in the lowest bit: unique, and found without a
// search. Our own hosts need ids that grow. Who does not know where those towards a host begin
// cannot guess one of them, and who forges an answer has to know the host's identity as well. A
// kernel has none, and needs no order: its ids are hidden one by one.
std::uint64_t RpcTable::sequence_towards(const Peer& peer) {
  const std::uint64_t sequence = sequence_++;
  if (peer.identity != kNoIdentity || !peer.heard()) [[likely]]
    return peer.first_id + sequence;
  return kHidden | HiddenOrder(peer.id_key).place_of(sequence);
}

void RpcTable::name_anew(Rpc& rpc) {
  rpc.client_id = WireId{id_of(rpc, sequence_towards(*rpc.peer))};
}

Rpc* RpcTable::add_client(Peer& peer) {
  Rpc* rpc = take();
  if (rpc == nullptr) return nullptr;
  rpc->state = Rpc::State::kCalling;
  rpc->is_client = true;
  ++clients_;
  rpc->peer_says = Executed::kPerhaps;
  rpc->peer = &peer;
  const std::uint64_t id = id_of(*rpc, sequence_towards(peer));
  rpc->client_id = WireId{id};
  rpc->id = RpcId{id};
  peer.rpcs.join(rpc->peer_place);
  return rpc;
}

Rpc* RpcTable::add_served(Peer& peer, WireId client_id, Port local_port) {
  Rpc* rpc = take();
  if (rpc == nullptr) return nullptr;
  rpc->state = Rpc::State::kReceiving;
  rpc->is_client = false;
  rpc->peer = &peer;
  rpc->client_id = client_id;
  rpc->local_port = local_port;
  rpc->id = RpcId{id_of(*rpc, sequence_++) | 1};
  served_.insert(*rpc);
  peer.rpcs.join(rpc->peer_place);
  return rpc;
}

void RpcTable::remove(Rpc& rpc) {
  HOMA_CHECK(rpc.state != Rpc::State::kFree);
  if (rpc.is_client) {
    --clients_;
  } else {
    served_.erase(served_.iterator_to(rpc));
  }
  rpc.peer->rpcs.leave(rpc.peer_place);
  rpc.state = Rpc::State::kFree;
  rpc.in.reset();
  rpc.head = Head{};
  rpc.out.reset();
  free_.push_back(rpc.slot);
  --live_;
}

Rpc* RpcTable::in_slot_of(std::uint64_t id) const {
  const auto slot = static_cast<std::uint32_t>((id >> 1) & ((1U << kSlotBits) - 1));
  if (slot >= used_slots_) return nullptr;
  Rpc& rpc = at(slot);
  return rpc.state != Rpc::State::kFree ? &rpc : nullptr;
}

Rpc* RpcTable::find(RpcId id) const {
  Rpc* const rpc = in_slot_of(raw(id));
  return rpc != nullptr && rpc->id == id ? rpc : nullptr;
}

Rpc* RpcTable::find_client(WireId client_id) {
  Rpc* const rpc = in_slot_of(raw(client_id));
  return rpc != nullptr && rpc->is_client && rpc->client_id == client_id ? rpc : nullptr;
}

Rpc* RpcTable::find_served(const Peer& peer, WireId client_id, Port local_port) {
  const auto found = served_.find(Key{&peer, client_id, local_port}, Hash{key_}, Equal{});
  return found == served_.end() ? nullptr : &*found;
}

}  // namespace homa::core
