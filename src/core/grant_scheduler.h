// Who may send how much to us: the receiver's side of Homa (docs/protocol.md#grants).
//
// At most `overcommit` messages are active, fewest bytes still to receive first, and every peer
// gets one active message before any gets a second. Active ones are granted a window ahead of what
// has arrived, all together no more than max_incoming, or what that grew to (incoming_budget.h),
// and that for each network device by itself; a share goes to the oldest message out of turn.
#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/types.h"
#include "core/config.h"
#include "core/incoming_budget.h"
#include "core/priority_map.h"

namespace homa::core {

struct Rpc;
struct PeerGrants;

// The scheduler's view of one incoming message; part of its RPC.
struct GrantState {
  std::uint32_t length = 0;
  std::uint32_t received = 0;
  std::uint32_t granted =
      0;                  // bytes that the sender may have sent by now: unscheduled, then grants
  std::uint64_t age = 0;  // smaller is older, unique
  PeerGrants* peer = nullptr;
  Rpc* rpc = nullptr;
  bool tracked = false;
  bool active = false;
  bool held = false;    // it is to be granted nothing until let_go()
  bool silent = false;  // its sender does not respond: what it owes does not count as incoming

  boost::intrusive::set_member_hook<> waiting_hook;  // among its peer's messages that wait
  boost::intrusive::set_member_hook<> age_hook;      // among all that want grants

  std::uint32_t remaining() const { return length - received; }
  std::uint32_t incoming() const { return silent || granted < received ? 0 : granted - received; }
  bool wants_grants() const { return !held && granted < length; }
};

struct ByRemainingThenAge {
  bool operator()(const GrantState& a, const GrantState& b) const {
    if (a.remaining() != b.remaining()) return a.remaining() < b.remaining();
    return a.age < b.age;
  }
};

// The scheduler's view of one peer; part of its Peer.
struct PeerGrants {
  using Waiting = boost::intrusive::set<
      GrantState, boost::intrusive::compare<ByRemainingThenAge>,
      boost::intrusive::member_hook<GrantState, boost::intrusive::set_member_hook<>,
                                    &GrantState::waiting_hook>>;
  Waiting waiting;
  std::uint32_t active = 0;          // messages of this peer that are active
  std::uint64_t incoming = 0;        // of its messages together
  DeviceIncoming* device = nullptr;  // by which it is reached; nullptr: the usual one
  boost::intrusive::set_member_hook<> bucket_hook;
};

class GrantScheduler {
 public:
  GrantScheduler(const CoreConfig& config, const PriorityMap& priorities);

  // A message was announced; state.length, received, granted, age, peer and rpc are set.
  void add(GrantState& state);
  // Bytes arrived; `received` is the new count, `end` the highest offset that arrived.
  void on_received(GrantState& state, std::uint32_t received, std::uint32_t end);
  // The sender fell silent: what it owes no longer counts, and others get its slot. Or was heard
  // again. Call before on_received().
  void set_silent(GrantState& state, bool silent);
  // A message that was held may be granted from now on.
  void let_go(GrantState& state);
  // The message is complete or given up.
  void remove(GrantState& state);

  // The peer is reached by this device from now on (nullptr: the usual one), which stays.
  void set_device(PeerGrants& peer, DeviceIncoming* device);
  // `received`: payload bytes since the start. Call before next().
  void follow_rate(Time now, std::uint64_t received) { budget_.update(now, received); }

  struct Grant {
    GrantState* state;
    std::uint32_t offset;
    std::uint32_t bytes;  // by which it advances
    Priority priority;
    bool fifo;
  };
  // The next grant to send, already booked; nullopt when there is none. O(overcommit).
  std::optional<Grant> next();

  bool wanted() const { return !by_age_.empty(); }  // false: next() has none
  std::uint64_t incoming() const { return incoming_; }
  std::size_t active() const { return active_.size(); }

 private:
  struct ByBest {
    bool operator()(const PeerGrants& a, const PeerGrants& b) const {
      return ByRemainingThenAge{}(*a.waiting.begin(), *b.waiting.begin());
    }
  };
  using Bucket = boost::intrusive::set<
      PeerGrants, boost::intrusive::compare<ByBest>,
      boost::intrusive::member_hook<PeerGrants, boost::intrusive::set_member_hook<>,
                                    &PeerGrants::bucket_hook>>;
  struct ByAge {
    bool operator()(const GrantState& a, const GrantState& b) const { return a.age < b.age; }
  };
  using ByAgeSet = boost::intrusive::set<
      GrantState, boost::intrusive::compare<ByAge>,
      boost::intrusive::member_hook<GrantState, boost::intrusive::set_member_hook<>,
                                    &GrantState::age_hook>>;

  void enter(GrantState& state);  // wants grants from now on
  void leave(GrantState& state);  // no more
  void activate(GrantState& state);
  void deactivate(GrantState& state);  // leaves it neither active nor waiting
  void wait(GrantState& state);
  void stop_waiting(GrantState& state);
  void fill();                      // free slots go to the best that wait
  void compete(GrantState& state);  // a waiting message that may outrank an active one
  GrantState* victim_for(const GrantState& newcomer);
  void settle(std::size_t index);  // keeps active_ sorted after its entry shrank
  void book(GrantState& state, std::uint32_t offset);
  // What the state counts as incoming changes: count_out() before, count_in() after.
  void count_out(const GrantState& state);
  void count_in(const GrantState& state);
  DeviceIncoming& device_of(const PeerGrants& peer) {
    return peer.device == nullptr ? usual_ : *peer.device;
  }
  std::uint32_t most_of(const PeerGrants& peer) const {
    return peer.device == nullptr ? budget_.bytes() : peer.device->most;
  }
  std::uint32_t room_for(const GrantState& state);
  std::uint32_t window(const GrantState& state) const;
  // Of the next grant to the active message of that rank.
  Priority level(const GrantState& state, std::uint32_t rank) const;
  std::optional<Grant> next_fifo();
  std::optional<Grant> next_ranked();

  const CoreConfig& config_;
  const PriorityMap& priorities_;
  IncomingBudget budget_;
  DeviceIncoming usual_;             // its bound is budget_
  bool several_devices_ = false;     // some peer is reached by another one
  std::vector<GrantState*> active_;  // sorted: fewest bytes to receive first
  std::vector<Bucket> buckets_;  // peers with waiting messages, by how many active ones they have
  ByAgeSet by_age_;
  std::uint64_t incoming_ = 0;
  std::uint64_t fifo_credit_ = 0;  // thousandths of bytes
  std::uint32_t fifo_left_ = 0;    // of the current grant out of turn
};

}  // namespace homa::core
