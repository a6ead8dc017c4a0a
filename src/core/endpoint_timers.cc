// Silence: the receiver of a message drives its repair; a server asks for its ack
// (docs/protocol.md#loss, #acks).
#include <algorithm>
#include <cstddef>

#include "core/endpoint_impl.h"

namespace homa::core {
namespace {
constexpr std::size_t kGapsPerRound = 64;  // RESENDs in one go; the rest at the next
}  // namespace

void Endpoint::Impl::on_time(Time now) {
  last_now_ = now;
  if (admission_.closing() != nullptr) close_step(now);
  while (Timer* timer = timers_.expire(now)) check(now, *timer->rpc);
  if (config_.cutoff_interval > Duration::zero() && now >= next_cutoffs_) recompute_cutoffs(now);
}

void Endpoint::Impl::recompute_cutoffs(Time now) {
  next_cutoffs_ = now + config_.cutoff_interval;
  if (priorities_.recompute(config_.cutoff_messages_min)) trace::add(counters_.cutoffs_recomputed);
}

void Endpoint::Impl::arm(Time now, Rpc& rpc) {
  timers_.arm(now, rpc.timer, silence_.deadline(rpc.silence, rpc.out.last_sent()));
}

// There was no room for its message. Who waits long for that learns why.
bool Endpoint::Impl::waited_too_long(Time now, Rpc& rpc) {
  if (now - rpc.waiting_since < config_.buffer_wait_max) return false;
  trace::add(counters_.buffer_waits_given_up);
  controls_.error(now, rpc, rpc.is_client ? ErrorCode::kCancelled : ErrorCode::kOverloaded);
  fail(now, rpc, ErrorCode::kNoMemory, true);
  return true;
}

void Endpoint::Impl::check(Time now, Rpc& rpc) {
  if (rpc.buffer.waits()) {
    if (waited_too_long(now, rpc)) return;
    if (!rpc.is_client) {  // its client asks
      return timers_.arm(now, rpc.timer, rpc.waiting_since + config_.buffer_wait_max);
    }
  }
  if (rpc.is_client || rpc.state == Rpc::State::kReceiving) {
    check_receiver(now, rpc);
  } else if (rpc.state == Rpc::State::kReplying) {
    check_replier(now, rpc);
  }  // kServing: the application takes the time it takes
}

void Endpoint::Impl::check_receiver(Time now, Rpc& rpc) {
  Silence::Receiver known;
  known.last_sent = rpc.out.last_sent();
  known.started = rpc.in.started();
  known.ours_to_act = known.started ? rpc.buffer.waits() || rpc.in.received() >= rpc.grant.granted
                                    : rpc.out.waits_for_us();
  known.link_busy = link_busy(now, silence_.link_memory());
  const Silence::Verdict verdict =
      silence_.receiver(now, rpc.silence, known, rpc.peer->questions, raw(rpc.client_id) / 2);
  if (verdict.action == Silence::Action::kTimeOut) {
    if (rpc.is_client) controls_.error(now, rpc, ErrorCode::kCancelled);
    return fail(now, rpc, ErrorCode::kTimeout, true);
  }
  if (verdict.unresponsive) grants_.set_silent(rpc.grant, true);
  switch (verdict.action) {
    case Silence::Action::kPostpone: trace::add(counters_.resends_postponed); break;
    case Silence::Action::kNotNow: trace::add(counters_.questions_postponed); break;
    case Silence::Action::kSayBusy: controls_.busy(now, rpc); break;
    case Silence::Action::kAsk: ask_again(now, rpc); break;
    default: break;
  }
  timers_.arm(now, rpc.timer, verdict.next);
}

void Endpoint::Impl::check_replier(Time now, Rpc& rpc) {
  Silence::Replier known;
  known.last_sent = rpc.out.last_sent();
  known.all_sent = rpc.out.all_sent() && !rpc.out.must_resend();
  known.ours_to_act = rpc.out.waits_for_us();
  const Silence::Verdict verdict =
      silence_.replier(now, rpc.silence, known, rpc.peer->questions, raw(rpc.client_id) / 2);
  switch (verdict.action) {
    case Silence::Action::kTimeOut: return fail(now, rpc, ErrorCode::kTimeout, false);
    case Silence::Action::kForget: trace::add(counters_.need_ack_given_up); return end(now, rpc);
    case Silence::Action::kNotNow: trace::add(counters_.questions_postponed); break;
    case Silence::Action::kAsk: controls_.need_ack(now, rpc); break;
    default: break;
  }
  timers_.arm(now, rpc.timer, verdict.next);
}

// One RESEND per gap and one for the granted tail; for everything when nothing came.
void Endpoint::Impl::ask_again(Time now, Rpc& rpc) {
  if (!rpc.in.started() || rpc.in.end() == 0) {
    return controls_.resend_everything(now, rpc);
  }
  const auto gaps = rpc.in.gaps();
  for (std::size_t i = 0; i < std::min(gaps.size(), kGapsPerRound); ++i) {
    controls_.resend(now, rpc, gaps[i]);
  }
  if (rpc.in.end() < rpc.grant.granted) {
    controls_.resend(now, rpc, {rpc.in.end(), rpc.grant.granted});
  }
}

}  // namespace homa::core
