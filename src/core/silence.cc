#include "core/silence.h"

namespace homa::core {
namespace {
constexpr std::uint32_t kBackoffDoublingsMax = 20;
// One each resend_interval: more than half a second with the defaults, while a server starts.
constexpr std::uint32_t kBeginningsMax = 120;
// A client whose host lives may keep its server waiting this many times longer than one that is
// not heard at all: a kernel that withholds grants does not answer NEED_ACK.
constexpr int kLivingHostPatience = 6;
}  // namespace

Time Silence::deadline(const SilenceState& state, Time last_sent) const {
  const Time since = std::max(state.last_heard, last_sent);
  return std::min(since + patience(state), state.unanswered.hopeless_at(config_));
}

Silence::Verdict Silence::receiver(Time now, SilenceState& state, const Receiver& known) const {
  if (known.ours_to_act) {
    state.restart(now);
    return {Action::kWait, false, deadline(state, known.last_sent)};
  }
  if (known.acknowledged) return {Action::kWatch, false, now};
  if (known.host->dead(now, config_)) return {Action::kHostIsDead, true, now};
  const Duration lately = ticks(config_.resend_interval);
  if (known.repairs->under_way(now, state.repair, lately)) {
    return {Action::kAwaitRepair, false, known.repairs->last_arrival() + lately};
  }
  if (state.unanswered.hopeless(now, config_)) return {Action::kTimeOut, true, now};
  if (now - std::max(state.last_heard, known.last_sent) < patience(state)) {
    return {Action::kWait, false, deadline(state, known.last_sent)};
  }
  // A busy link explains half a timeout, no more.
  if (known.link_busy && 2 * ++state.postponed * config_.resend_ticks <= config_.timeout_ticks) {
    state.last_heard = now;
    state.asked = 0;
    return {Action::kPostpone, false, deadline(state, known.last_sent)};
  }
  return {Action::kAsk, !known.link_busy, now};
}

void Silence::receiver_asked(Time now, SilenceState& state) const {
  state.unanswered.asked(now, config_);
  ++state.asked;
}

void Silence::begins_again(SilenceState& state) const {
  if (++state.begun_again <= kBeginningsMax) state.unanswered.answered();
}

Silence::Verdict Silence::replier(Time now, SilenceState& state, const Replier& known) const {
  if (known.ours_to_act) {
    state.last_heard = now;
    return {Action::kWait, false, now + ticks(config_.resend_ticks)};
  }
  if (client_is_gone(now, state, known)) return {Action::kForget, true, now};
  const Time since = known.all_sent ? known.last_sent : std::max(state.last_heard, known.last_sent);
  state.next_need_ack = std::max(state.next_need_ack, since + before_need_ack(known));
  return {now < state.next_need_ack ? Action::kWait : Action::kAsk, false, state.next_need_ack};
}

void Silence::replier_asked(Time now, SilenceState& state, const Replier& known) const {
  const Duration doubled = config_.tick * (1LL << std::min(state.asked, kBackoffDoublingsMax));
  state.next_need_ack = now + (known.all_sent ? std::min(doubled, config_.need_ack_backoff_max)
                                              : before_need_ack(known));
  ++state.asked;
}

bool Silence::client_is_gone(Time now, const SilenceState& state, const Replier& known) const {
  if (state.asked < config_.timeout_questions) return false;
  const Time rpc_heard = std::max(state.last_heard, known.last_sent);
  return now - std::max(rpc_heard, known.host_heard) >= config_.need_ack_give_up ||
         now - rpc_heard >= kLivingHostPatience * config_.need_ack_give_up;
}

}  // namespace homa::core
