#include "core/silence.h"

namespace homa::core {
namespace {
constexpr std::uint32_t kBackoffDoublingsMax = 20;
}  // namespace

Time Silence::deadline(const SilenceState& state, Time last_sent) const {
  const Time since = std::max(state.last_heard, last_sent);
  return since + std::min(patience(state), ticks(config_.timeout_ticks));
}

Silence::Verdict Silence::not_now(Time now, std::uint64_t turn) const {
  const auto later = static_cast<std::uint32_t>(turn % config_.resend_interval);
  return {Action::kNotNow, false, now + ticks(later + 1)};
}

Silence::Verdict Silence::receiver(Time now, SilenceState& state, const Receiver& known,
                                   Questions& questions, std::uint64_t turn) const {
  Verdict verdict;
  const Duration silence = now - std::max(state.last_heard, known.last_sent);
  if (known.ours_to_act) {
    state.restart(now);
    if (known.started) verdict.action = Action::kSayBusy;
  } else if (silence >= ticks(config_.timeout_ticks)) {
    return {Action::kTimeOut, true, now};
  } else if (silence >= patience(state)) {
    // A busy link explains half a timeout, no more.
    if (known.link_busy && 2 * ++state.postponed * config_.resend_ticks <= config_.timeout_ticks) {
      state.restart(now);
      verdict.action = Action::kPostpone;
    } else {
      const bool unresponsive = !known.link_busy;
      if (!questions.ask(now, config_.tick)) {
        verdict = not_now(now, turn);
        verdict.unresponsive = unresponsive;
        return verdict;
      }
      ++state.asked;
      verdict.action = Action::kAsk;
      verdict.unresponsive = unresponsive;
    }
  }
  verdict.next = deadline(state, known.last_sent);
  return verdict;
}

Silence::Verdict Silence::replier(Time now, SilenceState& state, const Replier& known,
                                  Questions& questions, std::uint64_t turn) const {
  if (!known.all_sent) {
    // The client drives. A client that died must not keep its response here for ever.
    if (known.ours_to_act) state.last_heard = now;
    const Duration silence = now - std::max(state.last_heard, known.last_sent);
    if (silence >= ticks(config_.timeout_ticks)) return {Action::kTimeOut, true, now};
    return {Action::kWait, false, now + ticks(config_.resend_ticks)};
  }
  if (now - std::max(state.last_heard, known.last_sent) >= config_.need_ack_give_up) {
    return {Action::kForget, true, now};
  }
  const Time first = known.last_sent + ticks(config_.request_ack_ticks);
  state.next_need_ack = std::max(state.next_need_ack, first);
  if (now < state.next_need_ack) return {Action::kWait, false, state.next_need_ack};
  if (!questions.ask(now, config_.tick)) return not_now(now, turn);
  const Duration wait = config_.tick * (1LL << std::min(state.asked, kBackoffDoublingsMax));
  state.next_need_ack = now + std::min(wait, config_.need_ack_backoff_max);
  ++state.asked;
  return {Action::kAsk, false, state.next_need_ack};
}

}  // namespace homa::core
