// Silence: the receiver of a message drives its repair; a server asks for its ack
// (docs/protocol.md#loss, #acks). Whether a host lives is in endpoint_liveness.cc.
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
  while (Timer* timer = timers_.expire(now)) {
    if (timer->rpc != nullptr) {
      check(now, *timer->rpc);
    } else {
      check_peer(now, *timer->peer);
    }
  }
  if (config_.cutoff_interval > Duration::zero() && now >= next_cutoffs_) recompute_cutoffs(now);
  if (accounts_.pressure().level() == PressureLevel::kHigh) relieve(now);
  if (accounts_.pressure().wants_retry() || accounts_to_serve_ > 0) serve_waiting_accounts(now);
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
  tell_end(now, rpc, rpc.is_client ? ErrorCode::kCancelled : ErrorCode::kOverloaded);
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

// Others wait for memory, and this message comes too slowly to keep its own.
bool Endpoint::Impl::gives_way(Time now, Rpc& rpc) {
  if (!rpc.in.started() || !rpc.buffer.held) return false;
  const bool may_send = rpc.in.received() < rpc.grant.granted;
  const bool slow =
      rpc.progress.too_slow(now, rpc.in.received(), may_send, config_.receive_rate_min);
  if (!slow || !rpc.port->account->pool.waiting()) return false;
  trace::add(counters_.messages_too_slow);
  tell_end(now, rpc, rpc.is_client ? ErrorCode::kCancelled : ErrorCode::kTooSlow);
  fail(now, rpc, ErrorCode::kTooSlow, true);
  return true;
}

void Endpoint::Impl::check_receiver(Time now, Rpc& rpc) {
  if (gives_way(now, rpc)) return;
  Silence::Receiver known;
  known.last_sent = rpc.out.last_sent();
  known.ours_to_act = rpc.in.started()
                          ? rpc.buffer.waits() || rpc.in.received() >= rpc.grant.granted
                          : rpc.out.waits_for_us();
  known.acknowledged = rpc.state == Rpc::State::kCalling && rpc.heard;
  known.link_busy = link_busy(now, silence_.link_memory());
  known.host = &rpc.peer->liveness;
  known.repairs = &rpc.peer->repairs;
  const Silence::Verdict verdict = silence_.receiver(now, rpc.silence, known);
  if (verdict.unresponsive) grants_.set_silent(rpc.grant, true);
  switch (verdict.action) {
    case Silence::Action::kWatch: return watch(now, rpc);
    case Silence::Action::kHostIsDead: return host_is_dead(now, *rpc.peer);
    case Silence::Action::kTimeOut:
      if (rpc.is_client) tell_end(now, rpc, ErrorCode::kCancelled);
      return fail(now, rpc, ErrorCode::kPeerSilent, true);
    case Silence::Action::kAsk:
      if (!may_ask(now, rpc)) return;
      ask(now, rpc);
      return arm(now, rpc);
    case Silence::Action::kPostpone: trace::add(counters_.resends_postponed); break;
    case Silence::Action::kAwaitRepair: trace::add(counters_.repairs_awaited); break;
    default: break;
  }
  timers_.arm(now, rpc.timer, verdict.next);
}

void Endpoint::Impl::check_replier(Time now, Rpc& rpc) {
  Silence::Replier known;
  known.last_sent = rpc.out.last_sent();
  known.all_sent = rpc.out.all_sent() && !rpc.out.must_resend();
  known.ours_to_act = rpc.out.waits_for_us();
  known.host_heard = rpc.peer->liveness.last_heard();
  const Silence::Verdict verdict = silence_.replier(now, rpc.silence, known);
  if (verdict.action == Silence::Action::kForget) {
    trace::add(counters_.need_ack_given_up);
    return end(now, rpc);
  }
  if (verdict.action == Silence::Action::kAsk) {
    if (!may_ask(now, rpc)) return;
    if (may_send_to(*rpc.peer, wire::kCommonHeaderBytes)) controls_.need_ack(now, rpc);
    silence_.replier_asked(now, rpc.silence, known);
    return timers_.arm(now, rpc.timer, rpc.silence.next_need_ack);
  }
  timers_.arm(now, rpc.timer, verdict.next);
}

// What is missing of an RPC, or whether it is known at all.
void Endpoint::Impl::ask(Time now, Rpc& rpc) {
  note_asked(now, rpc);
  if (may_query(rpc) && !rpc.peer->questions.line.empty()) {
    query(now, *rpc.peer, rpc);
  } else {
    ask_again(now, rpc);
  }
}

void Endpoint::Impl::note_asked(Time now, Rpc& rpc) {
  rpc.peer->liveness.asked(now, config_);
  silence_.receiver_asked(now, rpc.silence);
}

// One RESEND per gap and one for the granted tail; for everything when nothing came.
void Endpoint::Impl::ask_again(Time now, Rpc& rpc) {
  const auto may_ask_for_bytes = [&] {
    return rpc.is_client || may_send_to(*rpc.peer, wire::kResendBytes);
  };
  if (!rpc.in.started() || rpc.in.end() == 0) {
    if (may_ask_for_bytes()) controls_.resend_everything(now, rpc);
    return;
  }
  std::uint64_t bytes = 0;
  const auto ask_for = [&](ByteRange missing) {
    if (!may_ask_for_bytes()) return;
    controls_.resend(now, rpc, missing);
    bytes += missing.size();
  };
  const auto gaps = rpc.in.gaps();
  for (std::size_t i = 0; i < std::min(gaps.size(), kGapsPerRound); ++i) ask_for(gaps[i]);
  if (rpc.in.end() < rpc.grant.granted) ask_for({rpc.in.end(), rpc.grant.granted});
  if (bytes > 0) rpc.silence.repair = rpc.peer->repairs.asked(bytes, grants_.incoming());
}

}  // namespace homa::core
