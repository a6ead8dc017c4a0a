#include "core/grant_scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace homa::core {
namespace {
constexpr std::uint64_t kFifoCreditsMax = 2;  // grants out of turn that may be saved up
}  // namespace

GrantScheduler::GrantScheduler(const CoreConfig& config, const PriorityMap& priorities)
    : config_(config), priorities_(priorities), budget_(config), buckets_(config.overcommit + 1) {
  active_.reserve(config.overcommit);
}

void GrantScheduler::count_out(const GrantState& state) {
  const std::uint32_t bytes = state.incoming();
  incoming_ -= bytes;
  state.peer->incoming -= bytes;
  device_of(*state.peer).bytes -= bytes;
}

void GrantScheduler::count_in(const GrantState& state) {
  const std::uint32_t bytes = state.incoming();
  incoming_ += bytes;
  state.peer->incoming += bytes;
  device_of(*state.peer).bytes += bytes;
}

void GrantScheduler::set_device(PeerGrants& peer, DeviceIncoming* device) {
  if (peer.device == device) return;
  device_of(peer).bytes -= peer.incoming;
  peer.device = device;
  device_of(peer).bytes += peer.incoming;
  several_devices_ = true;
}

std::uint32_t GrantScheduler::room_for(const GrantState& state) {
  const std::uint64_t bytes = device_of(*state.peer).bytes;
  const std::uint32_t most = most_of(*state.peer);
  return bytes >= most ? 0 : static_cast<std::uint32_t>(most - bytes);
}

void GrantScheduler::add(GrantState& state) {
  HOMA_CHECK(!state.tracked);
  state.tracked = true;
  count_in(state);
  if (state.wants_grants()) enter(state);
}

void GrantScheduler::on_received(GrantState& state, std::uint32_t received, std::uint32_t end) {
  HOMA_CHECK(state.tracked);
  count_out(state);
  const bool waiting = state.waiting_hook.is_linked();
  if (waiting) stop_waiting(state);  // its key changes
  state.received = received;
  state.granted = std::max(state.granted, end);  // the sender finished a packet beyond the limit
  count_in(state);
  if (!state.wants_grants()) {
    leave(state);
  } else if (state.active) {
    settle(static_cast<std::size_t>(std::find(active_.begin(), active_.end(), &state) -
                                    active_.begin()));
  } else if (waiting) {
    wait(state);
    compete(state);
  }
}

void GrantScheduler::set_silent(GrantState& state, bool silent) {
  if (!state.tracked || state.silent == silent) return;
  count_out(state);
  state.silent = silent;
  count_in(state);
  if (!state.wants_grants()) return;
  if (silent) {
    leave(state);
  } else {
    enter(state);
  }
}

void GrantScheduler::let_go(GrantState& state) {
  state.held = false;
  if (state.tracked && !state.silent && state.wants_grants()) enter(state);
}

void GrantScheduler::enter(GrantState& state) {
  by_age_.insert(by_age_.end(), state);
  wait(state);
  if (active_.size() < config_.overcommit) {
    fill();
  } else {
    compete(state);
  }
}

// Its slot, if it has one, goes to the next.
void GrantScheduler::leave(GrantState& state) {
  if (!state.age_hook.is_linked()) return;
  by_age_.erase(by_age_.iterator_to(state));
  if (state.waiting_hook.is_linked()) stop_waiting(state);
  if (state.active) {
    deactivate(state);
    fill();
  }
}

void GrantScheduler::remove(GrantState& state) {
  if (!state.tracked) return;
  count_out(state);
  leave(state);
  state.tracked = false;
  state.silent = false;
}

void GrantScheduler::activate(GrantState& state) {
  // The peer's count decides its bucket: out with the old one, in with the new one.
  PeerGrants& peer = *state.peer;
  if (peer.bucket_hook.is_linked()) {
    buckets_[peer.active].erase(buckets_[peer.active].iterator_to(peer));
  }
  ++peer.active;
  if (!peer.waiting.empty()) buckets_[peer.active].insert(peer);
  state.active = true;
  active_.push_back(&state);
  settle(active_.size() - 1);
}

void GrantScheduler::deactivate(GrantState& state) {
  PeerGrants& peer = *state.peer;
  if (peer.bucket_hook.is_linked()) {
    buckets_[peer.active].erase(buckets_[peer.active].iterator_to(peer));
  }
  --peer.active;
  if (!peer.waiting.empty()) buckets_[peer.active].insert(peer);
  state.active = false;
  active_.erase(std::find(active_.begin(), active_.end(), &state));
}

void GrantScheduler::wait(GrantState& state) {
  PeerGrants& peer = *state.peer;
  Bucket& bucket = buckets_[peer.active];
  if (peer.bucket_hook.is_linked()) bucket.erase(bucket.iterator_to(peer));
  peer.waiting.insert(state);
  bucket.insert(peer);
}

void GrantScheduler::stop_waiting(GrantState& state) {
  PeerGrants& peer = *state.peer;
  Bucket& bucket = buckets_[peer.active];
  bucket.erase(bucket.iterator_to(peer));
  peer.waiting.erase(peer.waiting.iterator_to(state));
  if (!peer.waiting.empty()) bucket.insert(peer);
}

void GrantScheduler::fill() {
  while (active_.size() < config_.overcommit) {
    const auto bucket =
        std::find_if(buckets_.begin(), buckets_.end(), [](const Bucket& b) { return !b.empty(); });
    if (bucket == buckets_.end()) return;
    GrantState& best = *bucket->begin()->waiting.begin();
    stop_waiting(best);
    activate(best);
  }
}

// Whose slot a newcomer may take: the largest message of the peer that holds most slots; when the
// newcomer's own peer would hold more than that one, the largest of its own.
GrantState* GrantScheduler::victim_for(const GrantState& newcomer) {
  GrantState* victim = nullptr;
  for (GrantState* candidate : active_) {  // ascending by size: the last of equals is the largest
    if (victim == nullptr || candidate->peer->active >= victim->peer->active) victim = candidate;
  }
  if (victim == nullptr) return nullptr;
  const std::uint32_t would_hold = newcomer.peer->active + 1;
  if (would_hold < victim->peer->active) return victim;  // balance between peers comes first
  if (would_hold > victim->peer->active) {
    victim = nullptr;
    for (GrantState* candidate : active_) {
      if (candidate->peer == newcomer.peer) victim = candidate;
    }
  }
  return victim != nullptr && ByRemainingThenAge{}(newcomer, *victim) ? victim : nullptr;
}

void GrantScheduler::compete(GrantState& state) {
  GrantState* victim = victim_for(state);
  if (victim == nullptr) return;
  deactivate(*victim);
  stop_waiting(state);
  activate(state);
  wait(*victim);
}

void GrantScheduler::settle(std::size_t index) {
  while (index > 0 && ByRemainingThenAge{}(*active_[index], *active_[index - 1])) {
    std::swap(active_[index], active_[index - 1]);
    --index;
  }
}

void GrantScheduler::book(GrantState& state, std::uint32_t offset) {
  count_out(state);
  state.granted = offset;
  count_in(state);
  if (!state.wants_grants()) leave(state);
}

std::optional<GrantScheduler::Grant> GrantScheduler::next() {
  if (by_age_.empty() || config_.canary_no_grants) return std::nullopt;
  if (!several_devices_ && incoming_ >= budget_.bytes()) return std::nullopt;
  if (auto grant = next_fifo()) return grant;
  return next_ranked();
}

std::optional<GrantScheduler::Grant> GrantScheduler::next_fifo() {
  GrantState& state = *by_age_.begin();
  // What it was given out of turn before is still to come: more would only fill the budget.
  const std::uint32_t room = room_for(state);
  if (room == 0 || state.incoming() > window(state) + config_.fifo_grant_increment)
    return std::nullopt;
  if (fifo_left_ == 0) {
    if (fifo_credit_ / 1000 < config_.fifo_grant_increment) return std::nullopt;
    fifo_credit_ -= std::uint64_t{config_.fifo_grant_increment} * 1000;
    fifo_left_ = config_.fifo_grant_increment;
  }
  const std::uint32_t amount = std::min({fifo_left_, room, state.length - state.granted});
  fifo_left_ -= amount;
  book(state, state.granted + amount);
  return Grant{&state, state.granted, amount, priorities_.fifo(), true};
}

std::uint32_t GrantScheduler::window(const GrantState& state) const {
  if (config_.window != 0) return config_.window;
  return most_of(*state.peer) / (static_cast<std::uint32_t>(active_.size()) + 1);
}

Priority GrantScheduler::level(const GrantState& state, std::uint32_t rank) const {
  const Priority ranked = priorities_.scheduled(rank, static_cast<std::uint32_t>(active_.size()));
  const std::uint32_t left = state.length - state.granted;
  if (left > config_.grant_tail_bytes) return ranked;
  return std::max(ranked, unscheduled_priority(priorities_.cutoffs(), left));
}

std::optional<GrantScheduler::Grant> GrantScheduler::next_ranked() {
  const auto active = static_cast<std::uint32_t>(active_.size());
  for (std::uint32_t rank = 0; rank < active; ++rank) {
    GrantState& state = *active_[rank];
    const std::uint32_t window = this->window(state);
    const std::uint32_t room = room_for(state);
    if (room == 0) continue;
    // A window (or room) smaller than the increment must not stop the message for good.
    const std::uint32_t increment_min =
        std::min(config_.grant_increment_min, std::min(window, most_of(*state.peer)) / 2);
    const auto target = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(std::uint64_t{state.received} + window, state.length));
    if (target <= state.granted) continue;
    const std::uint32_t amount = std::min(target - state.granted, room);
    if (amount < increment_min && state.granted + amount < state.length) continue;
    fifo_credit_ = std::min(fifo_credit_ + std::uint64_t{amount} * config_.grant_fifo_per_mille,
                            kFifoCreditsMax * config_.fifo_grant_increment * 1000);
    const Priority priority = level(state, rank);
    book(state, state.granted + amount);
    return Grant{&state, state.granted, amount, priority, false};
  }
  return std::nullopt;
}

}  // namespace homa::core
