// What a socket knows of its RPCs: those that it started, the requests that it serves, and the
// messages that wait to be received. A plain data structure; its owner holds a lock.
#pragma once

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "channel/layout.h"
#include "homa/message.h"

namespace homa::client {

struct Waiter;

// A message as the channel told of it, with the cookie that its send() was given.
struct Incoming {
  channel::Completion completion;
  std::uint64_t cookie = 0;
};

class Inbox {
 public:
  explicit Inbox(std::uint32_t rpcs_max) : rpcs_max_(rpcs_max) {}

  // --- RPCs of ours ---
  // A handle for a new one; nullopt: as many as may be are in progress.
  std::optional<RpcHandle> start(std::uint64_t cookie, bool is_private);
  // start() would give none.
  bool full() const { return free_slots_.empty() && slots_.size() >= rpcs_max_; }
  // In progress, or answered and not received yet.
  bool knows(RpcHandle rpc) const { return find(rpc) != nullptr; }
  // Its answer did not come yet.
  bool is_waiting(RpcHandle rpc) const;
  // Drops the RPC; gives what it had received, for its buffer to be released.
  std::optional<channel::Completion> forget(RpcHandle rpc);
  // As given to start(); 0 and false for an RPC that is not known.
  std::uint64_t cookie(RpcHandle rpc) const {
    const Slot* slot = find(rpc);
    return slot == nullptr ? 0 : slot->cookie;
  }
  bool is_private(RpcHandle rpc) const {
    const Slot* slot = find(rpc);
    return slot != nullptr && slot->is_private;
  }
  // The one thread that waits for this RPC's answer; nullptr: none, or no such RPC.
  Waiter* waiter(RpcHandle rpc) const {
    const Slot* slot = find(rpc);
    return slot == nullptr ? nullptr : slot->waiter;
  }
  void set_waiter(RpcHandle rpc, Waiter* waiter) {
    if (Slot* slot = find(rpc)) slot->waiter = waiter;
  }
  std::vector<RpcHandle> in_progress() const;

  // --- From the engine ---
  // Each of these throws std::bad_alloc before it changes anything.
  void add_request(const channel::Completion& completion);
  // A response or failure. False: its RPC is known no more.
  bool add_answer(const channel::Completion& completion);
  // A request that was accepted will not come: a failure of that kind is to be received.
  void add_failed_request(const channel::Completion& ended);
  // The request cannot be answered any more, because its client gave up. If nobody has received it,
  // nobody will: the result is what came, for its buffer to be released.
  std::optional<channel::Completion> served_ended(RpcHandle rpc);

  // --- To the application ---
  std::size_t ready() const { return ready_.size(); }  // what take_any() has
  // nullptr: none. What it points to stays until the next one is taken.
  const Incoming* take_any();
  const Incoming* take_answer(RpcHandle rpc);
  // The request is answered or aborted: true once for each that was received.
  bool finish_served(RpcHandle rpc) {
    if (!serves(rpc)) return false;
    served_[channel::slot_of(rpc)] = Served{};
    return true;
  }
  // The rest of a request whose head was received is to come, to `place` (empty: anywhere).
  void accept(RpcHandle rpc, std::span<std::byte> place) {
    Served& served = served_[channel::slot_of(rpc)];
    served.accepted = true;
    served.place = place;
  }
  // It came whole, and was not answered yet.
  bool may_answer(RpcHandle rpc) const {
    return serves(rpc) && served_[channel::slot_of(rpc)].whole;
  }
  // It was accepted and has not come whole.
  bool is_accepted(RpcHandle rpc) const {
    return serves(rpc) && served_[channel::slot_of(rpc)].accepted;
  }
  // Its head has come, and nothing was decided yet.
  bool is_head(RpcHandle rpc) const { return serves(rpc) && !may_answer(rpc) && !is_accepted(rpc); }
  // Where its bytes are to lie, once.
  std::span<std::byte> take_place(RpcHandle rpc) {
    if (!serves(rpc)) return {};
    return std::exchange(served_[channel::slot_of(rpc)].place, {});
  }
  bool serves(RpcHandle rpc) const {
    const std::uint32_t slot = channel::slot_of(rpc);
    return rpc != 0 && slot < served_.size() && served_[slot].handle == rpc;
  }

  // Every request, received or not, has ended. Calls drop() for each that was not received.
  template <typename Drop>
  void drop_requests(Drop drop) {
    for (auto at = ready_.begin(); at != ready_.end();) {
      Node& node = *at++;
      if (!channel::is_request_handle(node.incoming.completion.handle)) continue;
      ready_.erase(ready_.iterator_to(node));
      free_nodes_.push_front(node);
      if (node.incoming.completion.kind != channel::CompletionKind::kFailure) drop();
    }
    served_.clear();
  }
  // Everything that came and was not taken, and every RPC: gone. Calls drop(completion) for each
  // message, for its buffer to be released.
  template <typename Drop>
  void clear(Drop drop) {
    while (const Incoming* incoming = take_any()) drop(incoming->completion);
    for (const Slot& slot : slots_) {
      if (auto completion = forget(slot.handle)) drop(*completion);
    }
    served_.clear();
  }

 private:
  using Hook = boost::intrusive::list_member_hook<>;
  struct Node {
    Incoming incoming;
    Hook hook;
  };
  using List = boost::intrusive::list<Node, boost::intrusive::member_hook<Node, Hook, &Node::hook>>;
  struct Slot {
    RpcHandle handle = 0;  // 0: free
    std::uint64_t cookie = 0;
    Node* answer = nullptr;
    Waiter* waiter = nullptr;
    bool is_private = false;
  };

  struct Served {
    RpcHandle handle = 0;    // 0: none
    Node* unread = nullptr;  // until it is received
    std::span<std::byte> place{};
    bool accepted = false;  // and has not come
    bool whole = false;     // no more than its head has come, otherwise
  };

  Slot* find(RpcHandle rpc);
  const Slot* find(RpcHandle rpc) const { return const_cast<Inbox*>(this)->find(rpc); }
  Node* make_node(const channel::Completion& completion, std::uint64_t cookie);
  const Incoming* take(Node* node);
  void free_slot(Slot& slot);

  std::uint32_t rpcs_max_;
  std::uint64_t next_generation_ = 1;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::deque<Node> nodes_;  // all there ever were; their number only grows
  List free_nodes_;
  Node* taken_ = nullptr;  // the last; free when the next is taken
  List ready_;
  std::vector<Served> served_;  // by the engine's slot, which is in the handle
};

}  // namespace homa::client
